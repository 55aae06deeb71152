/** Routes between the demo's two clusters, from the RCCs to the keys that a Felix is given. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { createGrant, deleteGrant } from "../../shared/api/grants.ts";
import { getStatus } from "../../shared/api/status.ts";
import { eventually, MeshRig } from "../support/mesh-rig.ts";
import { startFakeTypha, SyncClient } from "../support/typha.ts";
import type { FakeTypha } from "../support/typha.ts";

const mesh = "demo";
const rig = new MeshRig();
let typha: FakeTypha;
let felix: SyncClient;

beforeAll(async () => {
  typha = await startFakeTypha(
    readFileSync(join(import.meta.dirname, "../fixtures/golden/typha/b1-felix-plain.s2c.bin")),
  );
  const splice = ["--typha-upstream", typha.address, "--typha-listen", "127.0.0.1:0"];
  const { typhaPort } = await rig.startDemo(...splice);
  felix = new SyncClient(typhaPort ?? 0);
  await felix.until("in-sync", () => felix.hasSync);
});

afterAll(async () => {
  felix.close();
  await typha.close();
  await rig.stop();
});

const ask = (cluster: string, rcc: string, overlayRoutingMode: "Enabled" | "Disabled") =>
  rig.putRcc(cluster, rcc, { syncOptions: { overlayRoutingMode } });

const states = async () =>
  (await rig.call(getStatus, { params: { mesh } })).edges.map(
    ({ cluster, overlay }) => `${cluster.name} ${overlay.state} ${overlay.phase}`,
  );

const NODE = "/calico/resources/v3/projectcalico.org/nodes/db_node-1";
const HOST = "/calico/v1/host/db_node-1/config";
const BLOCK = "/calico/ipam/v2/assignment/ipv4/block/10.20.1.0-26";
const POOL = "/calico/v1/ipam/v4/pool/10.20.0.0-16";

const routing = () =>
  [...felix.kvs.keys()].filter(
    (key) => /\/nodes\/db_|\/block\/|\/config\//.test(key) && key.includes("20"),
  );

test("[E2E6] identity alone gives no routes; both RCCs Enabled and granted, routes come; Disabled, they go, and pools stay", async () => {
  expect(felix.kvs.has(POOL)).toBe(true);
  expect(felix.kvs.has(NODE)).toBe(false);
  await eventually(
    () => rig.catwalk("preflight"),
    ({ out }) => /^app and db +ready +Disabled/m.test(out),
  );
  await ask("app", "db", "Enabled");
  const oneWay = await rig.catwalk("preflight", "--cluster", "app", "--to", "db");
  expect(oneWay.out).toContain("routes: NotReady (none): db has no RCC that names app");

  await ask("db", "app", "Enabled");
  await rig.call(createGrant, { params: { mesh }, body: { origin: "app", reader: "db" } });
  await felix.until("the block", () => felix.kvs.has(BLOCK));
  expect(JSON.parse(felix.kvs.get(NODE) ?? "{}")).toMatchObject({
    metadata: { name: "node-1" },
    spec: { bgp: { ipv4Address: "172.21.20.11/32" }, ipv4VXLANTunnelAddr: "10.20.1.0" },
  });
  expect(felix.kvs.get(`${HOST}/IPv4VXLANTunnelAddr`)).toBe("10.20.1.0");
  expect(felix.kvs.get(`${HOST}/VXLANTunnelMACAddr`)).toMatch(/^66:/);
  expect(JSON.parse(felix.kvs.get(BLOCK) ?? "{}")).toMatchObject({
    affinity: "host:db_node-1",
    allocations: [null, null, null, null, null, null, null, null, null, 0],
    attributes: [{ secondary: { node: "db_node-2" } }],
  });
  await eventually(states, (all) => all.every((one) => one.endsWith(" Ready commit")));
  const status = await rig.catwalk("status");
  expect(status.out).toMatch(/^RCC +REMOTE +CONNECTION +OVERLAY/);
  const routes = await rig.catwalk("routes", "--cluster", "app", "--origin", "db");
  expect(routes.out).toMatch(
    /^db +10\.20\.1\.0\/26 +10\.20\.1\.0 +66:[0-9a-f:]+ +172\.21\.20\.11$/m,
  );
  expect(routes.out).toMatch(/^db +10\.20\.1\.9\/32 +10\.20\.2\.0 /m);

  await ask("app", "db", "Disabled");
  await felix.until("no nodes of db", () => !felix.kvs.has(NODE));
  expect(routing()).toEqual([]);
  expect(felix.kvs.has(POOL)).toBe(true);
});

test("[E2E6] a grant that is taken away takes the routes with it at once", async () => {
  await ask("app", "db", "Enabled");
  await felix.until("the block", () => felix.kvs.has(BLOCK));
  await rig.call(deleteGrant, { params: { mesh, origin: "db", reader: "app" } });
  await felix.until("nothing of db", () => !felix.kvs.has(BLOCK) && !felix.kvs.has(NODE));
  await eventually(states, (all) => all.some((one) => one === "db NotReady none"));
});
