import { expect, test, vi } from "vitest";

import type { RangeClaim } from "../../../shared/visibility/facts.ts";
import { MAX_REFUSED } from "../../../shared/visibility/own-ranges.ts";
import { refusalOf, TestHub, valueOf } from "./support.ts";

const pods = (cidr: string): RangeClaim => ({ cidr, use: "pods" });
const node = (cidr: string): RangeClaim => ({ cidr, use: "nodes" });

test("[VIS26] a first claim is pinned, told in the answer, and audited", async () => {
  const hub = new TestHub();
  const { db = "" } = await hub.withClusters("db");
  const demo = hub.service("demo");
  const facts = await demo.claimRanges(db, [pods("10.20.0.0/16"), node("192.168.0.5/32")]);
  expect(facts?.ranges).toEqual({ pods: ["10.20.0.0/16"], nodes: ["192.168.0.5/32"] });
  expect(valueOf(await demo.audit(1))[0]?.action).toBe("first claim");
  const again = await demo.claimRanges(db, [pods("10.20.3.0/24"), pods("10.20.0.0/16")]);
  expect(again?.accessVersion).toBe(facts?.accessVersion);
});

test("[VIS26] [VIS48] a claim of what another cluster has is refused and remembered; whose range it is, only the operator is told", async () => {
  const hub = new TestHub();
  const { app = "", db = "" } = await hub.withClusters("app", "db");
  const demo = hub.service("demo");
  await demo.claimRanges(app, [pods("10.20.0.0/16"), node("192.168.0.5/32")]);
  const facts = await demo.claimRanges(db, [pods("10.16.0.0/12"), pods("192.168.0.0/24")]);
  expect(facts?.ranges.pods).toEqual([]);
  const told = valueOf(await demo.getCluster("db")).refusedClaims;
  expect(told).toEqual([
    {
      use: "pods",
      cidr: "10.16.0.0/12",
      reason: "10.16.0.0/12 overlaps 10.20.0.0/16, the pod range of cluster app",
    },
    {
      use: "pods",
      cidr: "192.168.0.0/24",
      reason: "192.168.0.0/24 overlaps 192.168.0.5/32, the node range of cluster app",
    },
  ]);
  expect(facts?.refusedClaims.map(({ cidr }) => cidr)).toEqual(told.map(({ cidr }) => cidr));
  for (const { reason } of facts?.refusedClaims ?? [])
    expect(reason).toMatch(/^\S+ overlaps a range of another cluster: `catwalk cluster get db`/);
  expect(JSON.stringify(facts?.refusedClaims)).not.toMatch(/app|10\.20\.|192\.168\.0\.5/);
  // The one in the way goes: the claim may be made again, and its Origin hears that.
  valueOf(await demo.removeCluster("app"));
  expect(hub.origin(db).facts?.refusedClaims).toEqual([]);
  expect((await demo.claimRanges(db, [pods("10.16.0.0/12")]))?.ranges.pods).toEqual([
    "10.16.0.0/12",
  ]);
});

test("[VIS25] [VIS43] a cluster with ranges given by the operator claims none of that use", async () => {
  const hub = new TestHub();
  const demo = hub.service("demo");
  valueOf(await demo.createMesh("demo"));
  const { cluster } = valueOf(await demo.addCluster("db", { cidrs: ["10.20.0.0/16"] }));
  const facts = await demo.claimRanges(cluster.uid, [
    pods("10.20.4.0/24"),
    pods("10.21.0.0/16"),
    node("192.168.0.5"),
  ]);
  expect(facts?.ranges).toEqual({ pods: ["10.20.0.0/16"], nodes: ["192.168.0.5/32"] });
  expect(facts?.refusedClaims).toHaveLength(1);
  expect(facts?.refusedClaims[0]?.reason).toContain("given by the operator");
});

test("[VIS25] an operator's range that is taken or wrong is refused whole, naming the field", async () => {
  const hub = new TestHub();
  const { app = "" } = await hub.withClusters("app");
  const demo = hub.service("demo");
  await demo.claimRanges(app, [pods("10.20.0.0/16")]);
  const taken = refusalOf(await demo.addCluster("db", { cidrs: ["10.30.0.0/16", "10.20.9.0/24"] }));
  expect(taken).toMatchObject({ status: 409, code: "range-taken" });
  expect(taken.detail).toContain("cluster app");
  const wrong = refusalOf(await demo.addCluster("db", { nodeCidrs: ["10.1.2.3/8"] }));
  expect(wrong).toMatchObject({ status: 422, problems: [{ field: "nodeCidrs.0" }] });
  expect(valueOf(await demo.listClusters()).map(({ name }) => name)).toEqual(["app"]);
  expect(hub.mesh("demo").store.count("ranges")).toBe(1);
});

test("[VIS26] nobody claims for an unknown or a removed cluster", async () => {
  const hub = new TestHub();
  const { db = "" } = await hub.withClusters("db");
  const demo = hub.service("demo");
  expect(await demo.claimRanges("0".repeat(32), [pods("10.0.0.0/16")])).toBeNull();
  valueOf(await demo.removeCluster("db"));
  const facts = await demo.claimRanges(db, [pods("10.0.0.0/16")]);
  expect(facts).toMatchObject({ removed: true, ranges: { pods: [] } });
});

test("[VIS27] past 4,096 ranges a claim is refused by name", async () => {
  const hub = new TestHub();
  const { db = "" } = await hub.withClusters("db");
  const demo = hub.service("demo");
  const claims = Array.from({ length: 4097 }, (_, i) => node(`10.0.${i >> 8}.${i & 255}`));
  await demo.claimRanges(db, claims.slice(0, 4096));
  const facts = await demo.claimRanges(db, claims.slice(4096));
  expect(facts?.ranges.nodes).toHaveLength(4096);
  expect(facts?.refusedClaims[0]?.reason).toContain("at most 4096 node ranges");
});

test("[VIS27] 256 refused claims are remembered; the operator's answer makes room for others", async () => {
  const hub = new TestHub();
  const { db = "" } = await hub.withClusters("db");
  const demo = hub.service("demo");
  const claims = Array.from({ length: 300 }, (_, n) => pods(`172.16.${n >> 8}.${n & 255}/32`));
  await demo.claimRanges(db, claims.slice(0, 200));
  const facts = await demo.claimRanges(db, claims.slice(200));
  expect(facts?.refusedClaims).toHaveLength(MAX_REFUSED);
  // Of one that is remembered the rule is told anew, and it takes no room.
  const again = await demo.claimRanges(db, claims.slice(16, 20));
  expect(again?.refusedClaims).toEqual(facts?.refusedClaims);
  const set = valueOf(await demo.setRanges("db", { cidrs: ["172.16.0.0/16"] }));
  expect(set.cluster.refusedClaims).toEqual([]);
});

test("[VIS27] to decide 256 claims counts what was refused once, however much that is", async () => {
  const hub = new TestHub();
  const { db = "" } = await hub.withClusters("db");
  const demo = hub.service("demo");
  const claims = Array.from({ length: 256 }, (_, n) => pods(`172.16.${n}.0/24`));
  const count = vi.spyOn(hub.mesh("demo").store, "count");
  await demo.claimRanges(db, claims);
  expect(count.mock.calls.filter(([collection]) => collection === "refused")).toHaveLength(1);
  count.mockRestore();
});

test("[VIS26] a cluster pins at most 16 pod ranges by itself; the operator gives more", async () => {
  const hub = new TestHub();
  const { db = "" } = await hub.withClusters("db");
  const demo = hub.service("demo");
  const claims = Array.from({ length: 17 }, (_, n) => pods(`10.${n}.0.0/16`));
  const facts = await demo.claimRanges(db, claims);
  expect(facts?.ranges.pods).toHaveLength(16);
  expect(facts?.refusedClaims).toMatchObject([
    { cidr: "10.16.0.0/16", reason: expect.stringContaining("at most 16 pod ranges") },
  ]);
  const set = valueOf(await demo.setRanges("db", { cidrs: claims.map(({ cidr }) => cidr) }));
  expect(set.cluster.ranges.pods).toHaveLength(17);
  expect(set.cluster.refusedClaims).toEqual([]);
});

test("[VIS35] the operator widens what was given, and what was refused for it is forgotten", async () => {
  const hub = new TestHub();
  const demo = hub.service("demo");
  valueOf(await demo.createMesh("demo"));
  const { cluster } = valueOf(await demo.addCluster("db", { cidrs: ["10.20.0.0/16"] }));
  await demo.claimRanges(cluster.uid, [pods("10.30.0.0/16")]);
  const set = valueOf(await demo.setRanges("db", { cidrs: ["10.20.0.0/16", "10.30.0.0/16"] }));
  expect(set.propagated).toBe(true);
  expect(set.cluster).toMatchObject({ uid: cluster.uid, given: ["pods"], refusedClaims: [] });
  expect(hub.origin(cluster.uid).facts?.ranges.pods).toEqual(["10.20.0.0/16", "10.30.0.0/16"]);
  const first = valueOf(await demo.setRanges("db", { cidrs: [] }));
  expect(first.cluster).toMatchObject({ given: [], ranges: { pods: [] } });
  expect((await demo.claimRanges(cluster.uid, [pods("10.40.0.0/16")]))?.ranges.pods).toEqual([
    "10.40.0.0/16",
  ]);
});

test("[VIS35] a range goes only where nothing admitted lies in it, and the answer names what does", async () => {
  const hub = new TestHub();
  const demo = hub.service("demo");
  valueOf(await demo.createMesh("demo"));
  const { cluster } = valueOf(
    await demo.addCluster("db", { cidrs: ["10.20.0.0/16"], nodeCidrs: ["192.168.0.0/24"] }),
  );
  const origin = hub.origin(cluster.uid);
  origin.held = ["/calico/v1/host/n/workload/k8s/shop%2fweb/endpoint/eth0"];
  const narrower = { cidrs: ["10.20.0.0/17"] };
  const refused = refusalOf(await demo.setRanges("db", narrower));
  expect(refused).toMatchObject({ status: 409, code: "range-in-use" });
  expect(refused.detail).toMatch(/shop\/web$/);
  // To widen asks nobody.
  valueOf(await demo.setRanges("db", { nodeCidrs: ["192.168.0.0/23"] }));
  origin.held = [];
  origin.mode = "fails";
  expect(refusalOf(await demo.setRanges("db", narrower))).toMatchObject({ code: "origin-away" });
  origin.mode = "works";
  const set = valueOf(await demo.setRanges("db", narrower));
  expect(set.cluster.ranges).toEqual({ pods: ["10.20.0.0/17"], nodes: ["192.168.0.0/23"] });
});

test("[VIS34] a refused claim is forgotten when the range in its way is narrowed, or when nothing asks for it", async () => {
  const hub = new TestHub();
  const { app = "", db = "" } = await hub.withClusters("app", "db");
  const demo = hub.service("demo");
  await demo.claimRanges(app, [pods("10.20.0.0/16")]);
  await demo.claimRanges(db, [pods("10.20.7.0/24"), pods("10.20.8.0/24")]);
  valueOf(await demo.setRanges("app", { cidrs: ["10.20.0.0/21"] }));
  expect(hub.origin(db).facts?.refusedClaims).toMatchObject([{ cidr: "10.20.7.0/24" }]);
  const facts = await demo.noteCluster(db, { pools: null, dropped: [pods("10.20.7.0/24")] });
  expect(facts?.refusedClaims).toEqual([]);
});

test("[VIS33] clusters share a range only where the operator gives it to each as a shared one", async () => {
  const hub = new TestHub();
  const { app = "", db = "" } = await hub.withClusters("app", "db", "web");
  const demo = hub.service("demo");
  await demo.claimRanges(app, [pods("10.0.0.0/16"), node("10.0.3.4")]);
  await demo.claimRanges(db, [pods("10.0.0.0/16")]);
  const shared = { sharedCidrs: ["10.0.0.0/16"] };
  const early = refusalOf(await demo.setRanges("db", shared));
  expect(early).toMatchObject({ code: "range-taken" });
  expect(early.detail).toContain("give it to that cluster as a shared range first");
  // What it had of its own in there becomes a part of it.
  const first = valueOf(await demo.setRanges("app", shared));
  expect(first.cluster.ranges).toEqual({ pods: [], nodes: [], shared: ["10.0.0.0/16"] });
  const second = valueOf(await demo.setRanges("db", shared));
  expect(second.cluster).toMatchObject({
    ranges: shared.sharedCidrs && { shared: ["10.0.0.0/16"] },
    refusedClaims: [],
  });
  expect((await demo.claimRanges(db, [pods("10.0.7.0/24")]))?.ranges.pods).toEqual([]);
  // Nobody else has any of it.
  expect(refusalOf(await demo.setRanges("web", { cidrs: ["10.0.9.0/24"] }))).toMatchObject({
    code: "range-taken",
  });
  expect(hub.origin(db).facts?.ranges.shared).toEqual(["10.0.0.0/16"]);
});
