/** Names that somebody makes up: a real hub keeps nothing of them. */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";
import WebSocket from "ws";

import { startHub } from "../../cli/launch/hub.ts";
import type { RunningHub } from "../../cli/launch/hub.ts";
import { register } from "./registered.ts";
import type { Registered } from "./registered.ts";

const root = mkdtempSync(join(tmpdir(), "catwalk-made-up-"));
let hub: RunningHub;
let registered: Registered;

beforeAll(async () => {
  hub = await startHub({ listen: "127.0.0.1:0", dataDir: join(root, "hub"), log: () => undefined });
  registered = await register(hub, root);
});

afterAll(async () => {
  await hub.stop();
  rmSync(root, { recursive: true, force: true });
});

function files(): string[] {
  return readdirSync(join(root, "hub/do"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".sqlite"))
    .toSorted();
}

/** The status of an upgrade; 101 where it was taken. */
async function dial(url: string): Promise<number> {
  const socket = new WebSocket(url, { headers: await registered.reader.headers() });
  return new Promise((resolve, reject) => {
    socket.on("open", () => resolve(101));
    socket.on("unexpected-response", (_, response) => resolve(response.statusCode ?? 0));
    socket.on("error", reject);
  }).finally(() => socket.terminate()) as Promise<number>;
}

test("[CRE15] [CRE17] 100 made-up origins and 100 made-up meshes leave no file, and what exists is served", async () => {
  const before = files();
  expect(before.length).toBeGreaterThan(0);
  for (let n = 0; n < 100; n++) {
    const uid = n.toString(16).padStart(32, "e");
    expect(await dial(registered.watchUrl.replace(/[0-9a-f]{32}$/, uid))).toBe(403);
    const joined = await fetch(new URL("/v1/join", hub.url), {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        joinToken: `cwj_made-up-${n}_${"0".repeat(48)}`,
        publicKey: { kty: "OKP", crv: "Ed25519", x: "A".repeat(43) },
      }),
    });
    expect(joined.status).toBe(401);
    await joined.body?.cancel();
  }
  expect(await dial(registered.watchUrl)).toBe(101);
  expect(files()).toEqual(before);
});
