import { expect, test } from "vitest";

import type { RangeClaim } from "../../../shared/visibility/facts.ts";
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

test("[VIS26] a claim of what another cluster has is refused, naming the rule and the cluster, and remembered", async () => {
  const hub = new TestHub();
  const { app = "", db = "" } = await hub.withClusters("app", "db");
  const demo = hub.service("demo");
  await demo.claimRanges(app, [pods("10.20.0.0/16"), node("192.168.0.5/32")]);
  const facts = await demo.claimRanges(db, [pods("10.0.0.0/8"), pods("192.168.0.0/24")]);
  expect(facts?.ranges.pods).toEqual([]);
  expect(facts?.refusedClaims).toEqual([
    {
      use: "pods",
      cidr: "10.0.0.0/8",
      reason: "10.0.0.0/8 overlaps 10.20.0.0/16, the pods range of cluster app",
    },
    {
      use: "pods",
      cidr: "192.168.0.0/24",
      reason: "192.168.0.0/24 overlaps 192.168.0.5/32, the nodes range of cluster app",
    },
  ]);
  // The one in the way goes: the claim may be made again, and its Origin hears that.
  valueOf(await demo.removeCluster("app"));
  expect(hub.origin(db).facts?.refusedClaims).toEqual([]);
  expect((await demo.claimRanges(db, [pods("10.0.0.0/8")]))?.ranges.pods).toEqual(["10.0.0.0/8"]);
});

test("[VIS25] a cluster with ranges given by the operator claims none of that use", async () => {
  const hub = new TestHub();
  const demo = hub.service("demo");
  valueOf(await demo.createMesh("demo"));
  const { cluster } = valueOf(await demo.addCluster("db", ["10.20.0.0/16"], []));
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
  const taken = refusalOf(await demo.addCluster("db", ["10.30.0.0/16", "10.20.9.0/24"], []));
  expect(taken).toMatchObject({ status: 409, code: "range-taken" });
  expect(taken.detail).toContain("cluster app");
  const wrong = refusalOf(await demo.addCluster("db", [], ["10.1.2.3/8"]));
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
  expect(facts?.refusedClaims[0]?.reason).toContain("at most 4096 ranges");
});
