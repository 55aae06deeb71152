/**
 * [PUB3..PUB6] An API server that is emptied under a relay, and over its restart: what a reader
 * has, and what an operator can do.
 */
import { request } from "node:http";
import { networkInterfaces } from "node:os";

import { afterAll, beforeAll, expect, test } from "vitest";

import { isLocalCaller } from "../../relay/http/local-caller.ts";
import type { RelayStatus } from "../../relay/status.ts";
import { FakeApiServer } from "../relay/source/fake-api-server.ts";
import type { FakeObject } from "../relay/source/fake-api-server.ts";
import { eventually, MeshRig } from "../support/mesh-rig.ts";

const PODS = "/api/v1/pods";
const POOLS = "/apis/crd.projectcalico.org/v1/ippools";

const rig = new MeshRig();
const api = new FakeApiServer();

function pod(n: number): FakeObject {
  return {
    metadata: { name: `p${n}`, namespace: "shop" },
    spec: { nodeName: "node-a" },
    status: { phase: "Running", podIPs: [{ ip: `10.20.1.${n}` }] },
  };
}

const POOL = { metadata: { name: "pods" }, spec: { cidr: "10.20.0.0/16" } };
const ips = (...numbers: readonly number[]): string[] => numbers.map((n) => `10.20.1.${n}`);
const served = async (): Promise<string[]> => (await rig.served("app", "db")).toSorted();
const withdrawals = async (): Promise<RelayStatus["withdrawals"]> =>
  (await rig.fromRelay<RelayStatus>("db", "/status")).withdrawals;

/** Everything is gone, and no watch tells it: lists do. */
function empty(): void {
  for (const n of [1, 2]) api.remove(PODS, pod(n), true);
  api.remove(POOLS, POOL, true);
  api.compact();
  for (const path of [PODS, POOLS]) api.closeWatches(path);
}

beforeAll(async () => {
  await api.start();
  api.put(POOLS, POOL);
  for (const n of [1, 2]) api.put(PODS, pod(n));
  await rig.startHub();
  await rig.createDemo();
  await rig.startRelay("db", "--kubeconfig", api.kubeconfig);
  await rig.startRelay("app");
  await eventually(served, (found) => found.length === 2);
});

afterAll(async () => {
  await rig.stop();
  await api.stop();
});

test("[PUB3] what complete lists suddenly lack stays with the reader, and is told", async () => {
  empty();
  const held = await eventually(withdrawals, (found) => found.length === 2);
  expect(held.map(({ collection, keys }) => [collection, keys])).toEqual(
    expect.arrayContaining([
      ["pods", 2],
      ["ippools", 1],
    ]),
  );
  expect(await served()).toEqual(ips(1, 2));
  const metrics = await (await fetch(new URL("/metrics", rig.relay("db").url))).text();
  expect(metrics).toContain('catwalk_withdrawal_held_keys{collection="pods"} 2');
});

test("[PUB5] and over a restart of the relay", async () => {
  const before = await withdrawals();
  await eventually(
    () => rig.fromRelay<RelayStatus>("db", "/status"),
    ({ publisher }) => publisher?.phase === "reconciled",
  );
  await rig.relay("db").stop();
  await rig.startRelay("db", "--kubeconfig", api.kubeconfig);
  const held = await eventually(withdrawals, (found) => found.length === 2);
  expect(held.map(({ until }) => until)).toEqual(before.map(({ until }) => until));
  await eventually(
    () => rig.fromRelay<RelayStatus>("db", "/status"),
    ({ publisher }) => publisher?.phase === "reconciled",
  );
  expect(await served()).toEqual(ips(1, 2));
});

test("[PUB4] a held pod gives way to a live one with its address", async () => {
  const heir = pod(1);
  api.put(POOLS, POOL);
  api.put(PODS, { ...heir, metadata: { ...heir.metadata, name: "heir" } });
  await eventually(withdrawals, (found) => found.length === 1 && found[0]?.keys === 1);
  // What the publisher lists, the reader has a moment later.
  await eventually(served, (found) => found.join() === ips(1, 2).join());
});

test("[PUB6] an operator lists, rejects and confirms on the relay's machine", async () => {
  const at = ["--relay", rig.relay("db").url];
  const rejected = await rig.catwalk("relay", "withdrawal", "reject", ...at);
  expect(rejected).toMatchObject({ status: 0, out: "1 keys kept\n", err: "" });
  const listed = await rig.catwalk("relay", "withdrawal", "list", ...at);
  expect(listed.out).toMatch(/^COLLECTION +KEYS +SINCE +UNTIL\npods +1 +\S+ +rejected\n$/);
  const unknown = await rig.catwalk("relay", "withdrawal", "confirm", "--collection", "x", ...at);
  expect(unknown).toMatchObject({ status: 1, out: "" });
  expect(unknown.err).toContain("collection: must be one of pods");
  expect(await served()).toEqual(ips(1, 2));
  const confirmed = await rig.catwalk("relay", "withdrawal", "confirm", ...at);
  expect(confirmed).toMatchObject({ status: 0, out: "1 keys withdrawn\n" });
  await eventually(served, (found) => found.join() === ips(1).join());
  expect(await withdrawals()).toEqual([]);
});

test("[PUB20] [CLI95] an operator lists, rejects and confirms at the hub", async () => {
  const heir = { ...pod(1), metadata: { name: "heir", namespace: "shop" } };
  api.put(PODS, pod(2));
  await eventually(served, (found) => found.join() === ips(1, 2).join());
  for (const gone of [heir, pod(2)]) api.remove(PODS, gone, true);
  api.compact();
  api.closeWatches(PODS);
  const at = ["--cluster", "db"];
  const listed = await eventually(
    () => rig.catwalk("withdrawal", "list", ...at),
    ({ out }) => /^pods +2 /m.test(out),
  );
  expect(listed.out).toMatch(/^COLLECTION +KEYS +SINCE +UNTIL\npods +2 +\S+ +\S+\n$/);
  const rejected = await rig.catwalk("withdrawal", "reject", ...at);
  expect(rejected).toMatchObject({ status: 0, out: "2 records of db stay\n" });
  await eventually(withdrawals, (found) => found[0]?.until === null);
  expect(await served()).toEqual(ips(1, 2));
  const confirmed = await rig.catwalk("withdrawal", "confirm", ...at);
  expect(confirmed).toMatchObject({ status: 0, out: "2 records of db are withdrawn\n" });
  await eventually(served, (found) => found.length === 0);
  expect(await withdrawals()).toEqual([]);
  // The relay tells the hub that it is done a moment after its readers have it.
  const again = await eventually(
    () => rig.catwalk("withdrawal", "release", ...at),
    ({ status }) => status === 1,
  );
  expect(again.err).toContain("holds back no withdrawal");
});

test("[PUB6] a web page's request, and one by GET, decide nothing", async () => {
  const url = new URL("/withdrawals/confirm", rig.relay("db").url);
  const status = (method: string, headers: Record<string, string>): Promise<number> =>
    new Promise((resolve, reject) => {
      request(url, { method, headers }, (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      })
        .on("error", reject)
        .end();
    });
  expect([
    await status("GET", {}),
    await status("POST", { origin: "http://evil.example" }),
    await status("POST", { host: "evil.example" }),
    await status("POST", {}),
  ]).toEqual([405, 403, 403, 200]);
});

test("[PUB6] who calls from elsewhere is refused", () => {
  const host = "127.0.0.1:9099";
  const elsewhere = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .filter(({ internal }) => !internal)
    .map(({ address }) => address);
  for (const address of [...elsewhere, "10.1.2.3", "::ffff:10.1.2.3", "fd00::1", undefined])
    expect(isLocalCaller(address, { host })).toBe(false);
  for (const address of ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"])
    expect(isLocalCaller(address, { host })).toBe(true);
  expect(isLocalCaller("::1", { host: "[::1]:9099" })).toBe(true);
  expect(isLocalCaller("127.0.0.1", { host: "localhost:9099" })).toBe(true);
  expect(isLocalCaller("127.0.0.1", {})).toBe(false);
});
