/** What the hub's network lets webhooks reach, after DNS, in workerd itself. */
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, expect, test } from "vitest";

import { capnpConfig } from "../../../cli/launch/capnp.ts";
import { reservePort } from "../../../cli/launch/listen.ts";
import { eventually } from "../../support/mesh-rig.ts";
import { startReceiver } from "../../support/webhook-receiver.ts";

/** Asks what its own path names, and says whether anything answered. */
const WORKER = `
import { DurableObject } from "cloudflare:workers";
export class MeshObject extends DurableObject {}
export class OriginObject extends DurableObject {}
export default {
  async fetch(request) {
    try {
      const answer = await fetch(new URL(request.url).searchParams.get("url"));
      return new Response("answered " + answer.status);
    } catch {
      return new Response("refused");
    }
  },
};
`;

const root = mkdtempSync(join(tmpdir(), "catwalk-reach-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** @returns What a hub with this switch makes of a URL. */
async function reach(allowPrivateWebhooks: boolean, url: string): Promise<string> {
  const folder = mkdtempSync(join(root, "hub-"));
  mkdirSync(join(folder, "do"));
  writeFileSync(join(folder, "worker.js"), WORKER);
  const { port } = await reservePort("127.0.0.1:0");
  const config = capnpConfig({
    address: `127.0.0.1:${port}`,
    workerFile: "worker.js",
    tls: null,
    storageDir: join(folder, "do"),
    maxSockets: 10,
    restoredAtMs: 0,
    allowPrivateWebhooks,
  });
  writeFileSync(join(folder, "workerd.capnp"), config);
  const { default: binary } = createRequire(import.meta.url)("workerd") as { default: string };
  const child = spawn(binary, ["serve", join(folder, "workerd.capnp")], { stdio: "ignore" });
  try {
    const ask = `http://127.0.0.1:${port}/?url=${encodeURIComponent(url)}`;
    return await eventually(
      () => fetch(ask).then((answer) => answer.text()),
      (text) => text !== "",
    );
  } finally {
    child.kill("SIGKILL");
  }
}

test("[EVT8] a name that resolves to a private address is not reached, nor is the address, unless it is allowed", async () => {
  const receiver = await startReceiver();
  const { port } = new URL(receiver.url);
  const [name, address] = [`http://localhost:${port}/`, `http://127.0.0.1:${port}/`];
  expect(await reach(false, name)).toBe("refused");
  expect(await reach(false, address)).toBe("refused");
  expect(receiver.received).toEqual([]);
  expect(await reach(true, name)).toBe("answered 200");
  await receiver.close();
});
