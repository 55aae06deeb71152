/** `catwalk mock` as a user runs it, against a hub of its own. */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { expect, test } from "vitest";

import { startHub } from "../../relay/launch/hub.ts";

const MAIN = join(import.meta.dirname, "../../relay/cli/main.ts");

test("[CLI30] mock adds clusters that publish, change and read, says what it sees, and takes them out again", async () => {
  const root = mkdtempSync(join(tmpdir(), "catwalk-mock-test-"));
  const hub = await startHub({ listen: "127.0.0.1:0", dataDir: root, log: () => undefined });
  try {
    const tokenFile = join(root, "token");
    writeFileSync(tokenFile, hub.adminToken);
    const catwalk = (...args: readonly string[]) =>
      promisify(execFile)(process.execPath, [
        MAIN,
        ...args,
        "--server",
        hub.url,
        "--mesh",
        "m",
        "--token-file",
        tokenFile,
      ]);
    await catwalk("mesh", "create", "m");
    const sizes = ["--clusters", "4", "--endpoints", "50", "--rate", "100", "--sees", "2"];
    const { stdout } = await catwalk("mock", ...sizes, "--seconds", "3");
    const last = JSON.parse(stdout.trim().split("\n").at(-1) ?? "{}") as Record<string, unknown>;
    expect(last).toMatchObject({ connected: 4, published: 4, refused: 0, readers: 8, caughtUp: 8 });
    expect(last["frames"]).toBeGreaterThan(100);
    expect(last["delivered"]).toBeGreaterThanOrEqual(Number(last["frames"]));
    expect(last["latencyMs"]).toMatchObject({ p50: expect.any(Number) });
    const { stdout: left } = await catwalk("cluster", "list", "-o", "name");
    expect(left.trim()).toBe("");
  } finally {
    await hub.stop();
    rmSync(root, { recursive: true, force: true });
  }
});
