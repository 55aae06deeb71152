/**
 * A cluster's key is rotated while pods come and go: the new Secret is on all nodes, as kubelet
 * brings it, and then one relay after the other is started anew. Real relays as processes: two
 * feed, one follows, each with an identity folder of its own node.
 */
import { cpSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import type { RelayStatus } from "../../relay/status.ts";
import { eventually, MeshRig } from "../support/mesh-rig.ts";
import { startFakeTypha } from "../support/typha.ts";
import type { FakeTypha } from "../support/typha.ts";
import { Felix } from "./felix.ts";
import { manyPods } from "./many-pods.ts";

const NODES = ["app-1", "app-2", "app-3"] as const;
const PODS = 50;
/** Longer than a relay waits before it looks at a folder in which files change. */
const CHURN_MS = 250;
const FILES = ["relay-key.jwk", "membership.json"];
const rig = new MeshRig();
const felixes = new Map<string, Felix>();
const typhaPorts = new Map<string, number>();
let addresses: readonly string[] = [];
let typha: FakeTypha;
let churn: NodeJS.Timeout;
let at = 0;

beforeAll(async () => {
  const recorded = join(import.meta.dirname, "../fixtures/golden/typha/b1-felix-plain.s2c.bin");
  typha = await startFakeTypha(readFileSync(recorded));
  await rig.startHub();
  await rig.createDemo();
  writeFileSync(join(rig.folder("db"), "many.yaml"), manyPods("many", PODS));
  await rig.startRelay("db");
  await makeIdentity("first");
  addresses = await freeAddresses(NODES.length);
  for (const node of NODES) {
    cpSync(join(rig.root, "first"), folderOf(node), { recursive: true });
    await startNode(node);
    felixes.set(node, new Felix(() => typhaPorts.get(node) ?? 0, "shop%2fmany-"));
  }
  churn = setInterval(change, CHURN_MS);
  for (const node of NODES)
    await eventually(
      async () => felixes.get(node)?.count("shop%2fmany-"),
      (count) => count === PODS,
    );
});

afterAll(async () => {
  clearInterval(churn);
  for (const felix of felixes.values()) felix.stop();
  await rig.stop();
  await typha.close();
});

const folderOf = (node: string): string => join(rig.root, `identity-${node}`);
const statusOf = (node: string): Promise<RelayStatus> => rig.fromRelay(node, "/status");

async function makeIdentity(name: string, ...more: readonly string[]): Promise<void> {
  const out = join(rig.root, name);
  const made = await rig.catwalk("cluster", "identity", "app", "--out", out, ...more);
  expect([made.status, made.err]).toEqual([0, ""]);
}

async function freeAddresses(count: number): Promise<readonly string[]> {
  const servers = Array.from({ length: count }, () => createServer());
  for (const server of servers)
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  for (const server of servers) await new Promise((resolve) => server.close(resolve));
  return ports.map((port) => `127.0.0.1:${port}`);
}

async function startNode(node: string): Promise<void> {
  const own = ["--manifests", rig.folder("app"), "--identity", folderOf(node)];
  const splice = ["--typha-upstream", typha.address, "--typha-listen", "127.0.0.1:0"];
  const address = addresses[NODES.indexOf(node as (typeof NODES)[number])] ?? "";
  const among = ["--peers-listen", address, "--peers", addresses.join(",")];
  const { typhaPort } = await rig.startRelay(node, ...own, ...splice, ...among);
  typhaPorts.set(node, typhaPort ?? 0);
}

/** One pod that comes and goes, with an address of its own. */
function change(): void {
  const file = join(rig.folder("db"), "moving.yaml");
  if (at++ % 2 === 1) return rmSync(file, { force: true });
  writeFileSync(file, manyPods("moving", 1).replaceAll("10.20.8.1", "10.20.9.200"));
}

/** Something that changes now comes to the Felix of each node. */
async function untilFlowing(): Promise<void> {
  for (const node of NODES)
    for (const isThere of [true, false])
      await eventually(
        async () => felixes.get(node)?.has("shop%2fmoving-0"),
        (has) => has === isThere,
      );
}

/** As kubelet puts a Secret's new text into the volume. */
function bring(identity: string, node: string): void {
  for (const file of FILES) {
    const next = join(folderOf(node), "next");
    cpSync(join(rig.root, identity, file), next);
    renameSync(next, join(folderOf(node), file));
  }
}

test("[CRE30] [CRE31] a cluster's key is rotated under churn: no node stops, the older key is retired, and Felix loses nothing", async () => {
  await makeIdentity("second", "--rotate");
  await untilFlowing();
  // Both are taken: nobody has come with the new one.
  for (const node of NODES) bring("second", node);
  await untilFlowing();
  const states = await Promise.all(NODES.map(statusOf));
  expect(states.map(({ hub }) => hub)).toEqual(NODES.map(() => "connected"));
  for (const node of NODES) {
    await rig.killRelay(node);
    await startNode(node);
    await untilFlowing();
  }
  await eventually(
    async () => (await rig.catwalk("audit", "-o", "json")).out,
    (text) => text.includes("generation 2, as it was shown"),
  );
  for (const felix of felixes.values()) expect(felix.lost).toEqual([]);
  // Whoever has the older one, as of a copy of the Secret, is refused.
  await rig.killRelay("app-1");
  bring("first", "app-1");
  await startNode("app-1");
  await eventually(
    async () => readFileSync(rig.logFile("app-1"), "utf8"),
    (log) => log.includes("the hub is not reachable: HTTP 401: the cluster's key was replaced"),
  );
  expect((await statusOf("app-1")).hub).toBe("down");
});
