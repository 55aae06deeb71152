import { expect, test } from "vitest";

import { clusterSummary } from "../../support/overlay.ts";
import { Clusters } from "./overlay-clusters.ts";
import { valueOf } from "./support.ts";

const ROUTING = ["identity", "pools", "routing"];

test("[OVL5] routes need both RCCs, both grants and both Enabled; then both clusters are told, and one missing takes them from both", async () => {
  const c = new Clusters();
  await c.start("a", "b");
  const both = () => [c.order("a", "b")?.phase, c.order("b", "a")?.phase];
  const steps = [
    () => c.rcc("a", "b", "Enabled"),
    () => c.grant("b", "a"),
    () => c.rcc("b", "a", "Disabled"),
    () => c.grant("a", "b"),
  ];
  for (const step of steps) {
    await step();
    expect(both()).toEqual([undefined, undefined]);
    expect(c.channels("b", "a")).toBe(undefined);
  }
  await c.rcc("b", "a", "Enabled");
  expect(both()).toEqual(["prepare", "prepare"]);
  expect([c.channels("b", "a"), c.channels("a", "b")]).toEqual([ROUTING, ROUTING]);
  valueOf(await c.demo.deleteGrant("a", "b"));
  expect(both()).toEqual([undefined, undefined]);
  expect([c.channels("b", "a"), c.channels("a", "b")]).toEqual([undefined, undefined]);
});

test("[OVL7] nodes first, blocks when both have obeyed; back in the opposite order, and stragglers are named", async () => {
  const c = new Clusters();
  await c.start("a", "b");
  await c.join("a", "b");
  await c.obey("a", "b", ["a relay on node-7"]);
  expect(c.order("a", "b")).toMatchObject({ phase: "prepare", acknowledged: true });
  await c.obey("b", "a");
  expect(c.order("b", "a")?.phase).toBe("commit");
  const committed = c.order("b", "a")?.step ?? 0;
  expect(valueOf(await c.demo.preflight({ cluster: "a", to: "b" }))[0]).toMatchObject({
    state: "Ready",
    ready: true,
  });
  await c.obeyBoth("a", "b");
  expect(c.order("a", "b")).toMatchObject({ phase: "commit", acknowledged: true });
  await c.rcc("a", "b", "Disabled");
  expect(c.order("a", "b")?.phase).toBe("leave");
  expect(c.channels("b", "a")).toEqual(ROUTING);
  // An old word about an order before does not count.
  await c.demo.noteCluster(c.uid("a"), {
    pools: null,
    dropped: [],
    obeyed: [{ origin: c.uid("b"), step: committed, stragglers: [] }],
  });
  expect(c.order("a", "b")?.acknowledged).toBe(undefined);
  await c.obeyBoth("a", "b");
  expect([c.order("a", "b"), c.channels("b", "a")]).toEqual([undefined, undefined]);
});

test("[OVL7] a relay that starts with facts of before says nothing about the order of now: a pair made anew counts on", async () => {
  const c = new Clusters();
  await c.start("a", "b");
  await c.join("a", "b");
  const first = c.order("a", "b")?.step ?? 0;
  await c.rcc("a", "b", "Disabled");
  expect(c.order("a", "b")).toBe(undefined);
  await c.rcc("a", "b", "Enabled");
  expect(c.order("a", "b")?.phase).toBe("prepare");
  expect(c.order("a", "b")?.step).toBeGreaterThan(first);
  await c.demo.noteCluster(c.uid("a"), {
    pools: null,
    dropped: [],
    obeyed: [{ origin: c.uid("b"), step: first, stragglers: [] }],
  });
  expect(c.order("a", "b")?.acknowledged).toBe(undefined);
});

test("[OVL5] what a cluster says is decided on at once: a pair that fails keeps identity, and comes back", async () => {
  const c = new Clusters();
  await c.start("a", "b");
  await c.join("a", "b");
  await c.obeyBoth("a", "b");
  await c.say("b", { ...clusterSummary(66, "b"), params: { VXLANPort: "1" } });
  expect(c.order("a", "b")?.phase).toBe("leave");
  const [pair] = valueOf(await c.demo.preflight({ cluster: "a", to: "b" }));
  expect(pair).toMatchObject({ state: "NotReady", ready: false, phase: "leave" });
  expect(pair?.reason).toBe(
    "VxlanPort: vxlanPort is 4789 in a and 1 in b: set one value in both FelixConfigurations",
  );
  expect(c.hub.origin(c.uid("b")).facts?.readers).toMatchObject([{ cluster: { name: "a" } }]);
  await c.say("b", clusterSummary(66, "b"));
  expect(c.order("a", "b")?.phase).toBe("prepare");
});

test("[OVL6] of two remotes that clash the one that was first keeps its routes, and the other comes when it goes", async () => {
  const c = new Clusters();
  await c.start("a", "b", "c");
  await c.join("a", "b");
  // A node of the same name, and so of the same MAC.
  await c.say("c", { ...clusterSummary(67, "b") });
  await c.join("a", "c");
  expect(c.order("a", "b")?.phase).toBe("prepare");
  expect(c.order("a", "c")).toBe(undefined);
  const [pair] = valueOf(await c.demo.preflight({ cluster: "a", to: "c" }));
  expect(pair?.reason).toMatch(
    /^c and b have nodes with the tunnel MAC 66:.* a has routes to the latter already$/,
  );
  valueOf(await c.demo.removeCluster("b"));
  expect(c.order("a", "c")?.phase).toBe("prepare");
});

test("[OVL9] pairs without RCCs are shown too, of all clusters or of one; a cluster to itself is refused", async () => {
  const c = new Clusters();
  await c.start("a", "b", "c");
  const names = async (of: { cluster?: string; to?: string }) =>
    valueOf(await c.demo.preflight(of)).map(({ clusters, state, ready }) => [
      clusters.map(({ name }) => name).join(),
      state,
      ready,
    ]);
  expect(await names({})).toEqual([
    ["a,b", "Disabled", true],
    ["a,c", "Disabled", true],
    ["b,c", "Disabled", true],
  ]);
  expect(await names({ cluster: "b" })).toHaveLength(2);
  expect(await c.demo.preflight({ cluster: "a", to: "a" })).toMatchObject({ ok: false });
});

test("[VIS50] [OVL5] a suspended cluster loses its routes at once, in both directions, and leaves its place to another; resumed it begins with nodes", async () => {
  const c = new Clusters();
  await c.start("a", "b", "c");
  await c.join("a", "b");
  await c.obeyBoth("a", "b");
  expect(c.order("a", "b")?.phase).toBe("commit");
  // A node of b's name and MAC: c waits for b's place.
  await c.say("c", { ...clusterSummary(67, "b") });
  await c.join("a", "c");
  expect(c.order("a", "c")).toBe(undefined);
  valueOf(await c.demo.suspendCluster("b", true));
  expect([c.order("a", "b"), c.order("b", "a")]).toEqual([undefined, undefined]);
  expect([c.channels("b", "a"), c.channels("a", "b")]).toEqual([undefined, undefined]);
  expect(c.order("a", "c")?.phase).toBe("prepare");
  const [pair] = valueOf(await c.demo.preflight({ cluster: "a", to: "b" }));
  expect(pair).toMatchObject({ state: "NotReady", phase: "none" });
  valueOf(await c.demo.removeCluster("c"));
  valueOf(await c.demo.suspendCluster("b", false));
  expect([c.order("a", "b")?.phase, c.order("b", "a")?.phase]).toEqual(["prepare", "prepare"]);
});
