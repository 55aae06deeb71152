/**
 * A node whose relay is cut off from the relays that feed it, and not from the hub: what is revoked
 * then leaves its Felix all the same. Real relays as processes.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { createGrant, deleteGrant } from "../../shared/api/grants.ts";
import { rank } from "../../relay/feed/choice.ts";
import { openIdentity } from "../../relay/hub/identity.ts";
import type { RelayStatus } from "../../relay/status.ts";
import { eventually, MeshRig } from "../support/mesh-rig.ts";
import { rounds } from "../support/rounds.ts";
import { startFakeTypha } from "../support/typha.ts";
import type { FakeTypha } from "../support/typha.ts";
import { Felix } from "./felix.ts";
import { manyPods } from "./many-pods.ts";
import { TcpProxy } from "./tcp-proxy.ts";

const ROUNDS = rounds(1, 3);
const PODS = 50;
const FEEDERS = ["app-1", "app-2"] as const;
const CUT = "app-3";
const rig = new MeshRig();
const felixes = new Map<string, Felix>();
const addresses = new Map<string, string>();
let proxies: TcpProxy[] = [];
let typha: FakeTypha;
let identity = "";

beforeAll(async () => {
  const recorded = join(import.meta.dirname, "../fixtures/golden/typha/b1-felix-plain.s2c.bin");
  typha = await startFakeTypha(readFileSync(recorded));
  await rig.startHub();
  await rig.createDemo();
  identity = join(rig.root, "identity");
  writeFileSync(join(rig.folder("db"), "many.yaml"), manyPods("many", PODS));
  await rig.startRelay("db");
  const made = await rig.catwalk("cluster", "identity", "app", "--out", identity);
  expect([made.status, made.err]).toEqual([0, ""]);
  await chooseAddresses();
  const all = [...addresses.values()];
  for (const name of FEEDERS) await startNode(name, all);
  await startNode(CUT, [...proxies.map(({ host }) => host), addresses.get(CUT) ?? ""]);
});

afterAll(async () => {
  for (const felix of felixes.values()) felix.stop();
  await rig.stop();
  await typha.close();
  for (const proxy of proxies) await proxy.close();
});

/**
 * So that the first two feed, for themselves and for the third, which has the proxies before them
 * in their place.
 */
async function chooseAddresses(): Promise<void> {
  const { membership } = await openIdentity(identity);
  const cluster = membership?.cluster.uid ?? "";
  const isLast = (address: string, others: readonly string[]): boolean =>
    rank(cluster, [...others, address]).at(-1) === address;
  for (;;) {
    const [one = "", two = "", third = ""] = await freeAddresses(3);
    const before = [await proxyTo(one), await proxyTo(two)];
    const hosts = before.map(({ host }) => host);
    if (isLast(third, [one, two]) && isLast(third, hosts)) {
      proxies = before;
      for (const [name, address] of [
        [FEEDERS[0], one],
        [FEEDERS[1], two],
        [CUT, third],
      ] as const)
        addresses.set(name, address);
      return;
    }
    for (const proxy of before) await proxy.close();
  }
}

const proxyTo = (address: string): Promise<TcpProxy> => TcpProxy.start({ target: () => address });

async function freeAddresses(count: number): Promise<readonly string[]> {
  const servers = Array.from({ length: count }, () => createServer());
  for (const server of servers)
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  for (const server of servers) await new Promise((resolve) => server.close(resolve));
  return ports.map((port) => `127.0.0.1:${port}`);
}

async function startNode(name: string, peers: readonly string[]): Promise<void> {
  const own = ["--manifests", rig.folder("app"), "--identity", identity];
  const splice = ["--typha-upstream", typha.address, "--typha-listen", "127.0.0.1:0"];
  const among = ["--peers-listen", addresses.get(name) ?? "", "--peers", peers.join(",")];
  const { typhaPort } = await rig.startRelay(name, ...own, ...splice, ...among);
  felixes.set(name, new Felix(() => typhaPort ?? 0, "db_"));
}

const statusOf = (name: string): Promise<RelayStatus> => rig.fromRelay(name, "/status");

async function untilFed(): Promise<void> {
  await eventually(
    () => statusOf(CUT),
    ({ feed, remotes }) =>
      feed?.role === "follower" && feed.fedBy !== null && remotes[0]?.connectionStatus === 2,
  );
}

/** Endpoints of db that the Felix of a node has. */
async function untilHeld(name: string, check: (count: number) => boolean): Promise<void> {
  await eventually(async () => felixes.get(name)?.count("/host/db_") ?? 0, check);
}

const params = { mesh: "demo" };
const revoke = () => rig.call(deleteGrant, { params: { ...params, origin: "db", reader: "app" } });
const grant = () => rig.call(createGrant, { params, body: { origin: "db", reader: "app" } });

/** Every connection between the node and its feeders is silent from now on, then refused. */
async function cutOff(isSilent: boolean): Promise<void> {
  if (isSilent) for (const proxy of proxies) proxy.swallow();
  else for (const proxy of proxies) await proxy.close();
}

test(`[FEE6] [FEE8] a node that is cut off from its feeders, and not from the hub, hears of a revocation from the hub: ${ROUNDS} times silently, then for good`, async () => {
  for (let round = 0; round <= ROUNDS; round++) {
    await untilFed();
    for (const name of [...FEEDERS, CUT]) await untilHeld(name, (count) => count >= PODS);
    await cutOff(round < ROUNDS);
    await revoke();
    for (const name of [...FEEDERS, CUT]) await untilHeld(name, (count) => count === 0);
    await grant();
  }
  // The feeders are there, and it has its own way now.
  await untilHeld(CUT, (count) => count >= PODS);
  expect((await statusOf(CUT)).feed?.fedBy).toBe(null);
  for (const name of FEEDERS) expect((await statusOf(name)).feed?.role).toBe("feeder");
});
