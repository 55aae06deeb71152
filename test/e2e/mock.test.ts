/** `catwalk mock` as a user runs it, against a hub of its own. */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";

import { expect, test } from "vitest";

import { startHub } from "../../cli/launch/hub.ts";

const MAIN = join(import.meta.dirname, "../../cli/main.ts");

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
    const server = ["--server", hub.url, "--mesh", "m", "--token-file", tokenFile];
    const mock = spawn(process.execPath, [MAIN, "mock", ...sizes, ...server], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    let last: Record<string, unknown> = {};
    for await (const line of createInterface({ input: mock.stdout })) {
      last = JSON.parse(line) as Record<string, unknown>;
      // A busy machine takes some reports until all of them have published.
      if (last["published"] === 4 && last["caughtUp"] === 8 && Number(last["frames"]) > 100) break;
    }
    mock.kill("SIGINT");
    await once(mock, "exit");
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
