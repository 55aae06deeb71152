/**
 * Relays of one cluster, as processes: two have sockets at the hub, the others follow them over
 * TLS.
 */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { createGrant, deleteGrant } from "../../shared/api/grants.ts";
import type { FollowerStatus } from "../../relay/feed/follower.ts";
import type { RelayStatus } from "../../relay/status.ts";
import { manyPods } from "../faults/many-pods.ts";
import { eventually, MeshRig } from "../support/mesh-rig.ts";

const NODES = ["app-1", "app-2", "app-3", "app-4"] as const;
const rig = new MeshRig();
let identity = "";
const ports = new Map<string, number>();

beforeAll(async () => {
  await rig.startHub();
  await rig.createDemo();
  identity = join(rig.root, "identity");
  writeFileSync(join(rig.folder("db"), "many.yaml"), manyPods("many", 50));
  await rig.startRelay("db");
  const made = await rig.catwalk("cluster", "identity", "app", "--out", identity);
  expect([made.status, made.err]).toEqual([0, ""]);
  for (const node of NODES) ports.set(node, await freePort());
  await Promise.all(NODES.map((node) => startNode(node)));
});

afterAll(() => rig.stop());

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function startNode(node: string): Promise<void> {
  const peers = NODES.map((one) => `127.0.0.1:${ports.get(one)}`).join(",");
  await rig.startRelay(
    node,
    "--manifests",
    rig.folder("app"),
    "--identity",
    identity,
    "--peers-listen",
    `127.0.0.1:${ports.get(node)}`,
    "--peers",
    peers,
  );
}

const statusOf = (node: string): Promise<RelayStatus> => rig.fromRelay(node, "/status");

async function untilInSync(nodes: readonly string[]): Promise<void> {
  for (const node of nodes)
    await eventually(
      () => statusOf(node),
      ({ remotes }) => remotes[0]?.connectionStatus === 2,
    );
}

async function nodesBy(nodes: readonly string[]): Promise<{ feeders: string[]; fed: string[] }> {
  const roles = await Promise.all(
    nodes.map(async (node) => [node, (await statusOf(node)).feed?.role] as const),
  );
  return {
    feeders: roles.flatMap(([node, role]) => (role === "feeder" ? [node] : [])),
    fed: roles.flatMap(([node, role]) => (role === "follower" ? [node] : [])),
  };
}

/** Connections to the hub, of all processes of this machine. */
function hubSockets(): number {
  const port = Number(new URL(rig.hubUrl).port).toString(16).toUpperCase().padStart(4, "0");
  const lines = readFileSync("/proc/net/tcp", "utf8").split("\n");
  return lines.filter((line) => new RegExp(`^ *\\d+: \\S+ \\S+:${port} 01 `).test(line)).length;
}

async function untilServed(nodes: readonly string[], ip: string, isThere = true): Promise<void> {
  for (const node of nodes)
    await eventually(
      () => rig.served(node, "db"),
      (ips) => ips.includes(ip) === isThere,
    );
}

function addPod(name: string, ip: string): void {
  const file = join(rig.folder("db"), `${name}.yaml`);
  writeFileSync(file, manyPods(name, 1).replaceAll(/10\.\d+\.\d+\.\d+/g, ip));
}

test("[FEE1] two relays of a cluster have sockets at the hub, the others follow them and have all of it", async () => {
  await untilInSync(NODES);
  const { feeders, fed } = await nodesBy(NODES);
  expect([feeders.length, fed.length]).toEqual([2, 2]);
  const all = (await rig.served(feeders[0] ?? "", "db")).toSorted();
  expect(all.length).toBeGreaterThan(50);
  for (const node of fed) expect((await rig.served(node, "db")).toSorted()).toEqual(all);
  // Of db's relay the home socket, of app's feeders the home socket and that of the origin; besides
  // what this test asks of the admin API. A question for the hub's clock lingers for seconds.
  await eventually(
    () => Promise.resolve(hubSockets()),
    (count) => count <= 1 + 2 * 2 + 2,
  );
  const { remotes, hub } = await statusOf(fed[0] ?? "");
  expect([remotes[0]?.connectionStatus, hub]).toEqual([2, "connected"]);
});

test("[FEE7] status says who feeds whom, and who lags", async () => {
  const { feeders, fed } = await nodesBy(NODES);
  const statuses = await Promise.all(NODES.map(statusOf));
  const fedBy = statuses.flatMap(({ feed }) => feed?.fedBy ?? []);
  const addresses = feeders.map((node) => `127.0.0.1:${ports.get(node)}`);
  expect(fedBy).toHaveLength(fed.length);
  for (const address of fedBy) expect(addresses).toContain(address);
  const followers = async (): Promise<readonly FollowerStatus[]> =>
    (await Promise.all(NODES.map(statusOf))).flatMap(({ feed }) => feed?.followers ?? []);
  expect((await followers()).filter((one) => one.streams === 2)).toHaveLength(fed.length);
  // Followers report at most twice a second.
  await eventually(followers, (all) => all.every(({ lagging }) => lagging.length === 0));
});

test("[FEE3] a change reaches the followers through a feeder, and its digest is verified there", async () => {
  addPod("later", "10.20.40.9");
  await untilServed(NODES, "10.20.40.9");
  await untilInSync(NODES);
  const digests = await Promise.all(
    NODES.map(async (node) => (await statusOf(node)).remotes[0]?.digest),
  );
  expect(new Set(digests).size).toBe(1);
});

test("[FEE4] a feeder that is killed: its followers go on at the other one, and a third takes its place", async () => {
  const { feeders, fed } = await nodesBy(NODES);
  const fedBy = (await statusOf(fed[0] ?? "")).feed?.fedBy;
  const killed = feeders.find((node) => fedBy === `127.0.0.1:${ports.get(node)}`) ?? "";
  expect(killed).not.toBe("");
  const moved: string[] = [];
  for (const node of fed) if ((await statusOf(node)).feed?.fedBy === fedBy) moved.push(node);
  await rig.killRelay(killed);
  const others = NODES.filter((node) => node !== killed);
  addPod("meanwhile", "10.20.40.10");
  await untilServed(others, "10.20.40.10");
  await eventually(
    () => nodesBy(others),
    (now) => now.feeders.length === 2 && now.fed.length === 1,
  );
  await untilInSync(others);
  // Nothing came again that was there.
  for (const node of moved) expect((await statusOf(node)).transfers[0]?.changes).toBeLessThan(10);
  await startNode(killed);
  await untilInSync(NODES);
});

test("[FEE8] a revocation reaches every node through the feeders, and so does a new grant", async () => {
  await rig.call(deleteGrant, { params: { mesh: "demo", origin: "db", reader: "app" } });
  for (const node of NODES)
    await eventually(
      () => rig.served(node, "db"),
      (ips) => ips.length === 0,
    );
  await rig.call(createGrant, {
    params: { mesh: "demo" },
    body: { origin: "db", reader: "app" },
  });
  await untilServed(NODES, "10.20.40.9");
  await untilInSync(NODES);
});

test("[FEE6] [VIE3] while the hub is away everything stays, on nodes that start anew too; a change comes to all nodes once it is back", async () => {
  await rig.stopHub();
  addPod("away", "10.20.40.11");
  rmSync(join(rig.folder("db"), "later.yaml"));
  for (const node of NODES)
    await eventually(
      () => statusOf(node),
      ({ remotes }) => remotes[0]?.connectionStatus === 0,
    );
  const all = (await rig.served(NODES[0], "db")).toSorted();
  expect(all).toContain("10.20.40.9");
  // Each node is started anew meanwhile, the feeders among them.
  for (const node of NODES) {
    await rig.killRelay(node);
    await startNode(node);
    await eventually(
      async () => (await rig.served(node, "db")).toSorted().join(),
      (served) => served === all.join(),
    );
  }
  for (const node of NODES) {
    expect((await rig.served(node, "db")).toSorted()).toEqual(all);
  }
  await rig.startHub();
  await untilServed(NODES, "10.20.40.11");
  await untilServed(NODES, "10.20.40.9", false);
});
