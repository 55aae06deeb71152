/** What the lab's kernels are told: the model's outcome → state → commands. */
import { expect, test } from "vitest";

import { FelixModel } from "../support/felix-model/model.ts";
import type { Outcome } from "../support/felix-model/model.ts";
import { CLUSTERS, typhaKvs } from "./clusters.ts";
import { commands, UNTOUCHED } from "./kernel-commands.ts";
import { kernelPlan } from "./kernel-plan.ts";
import type { FamilyState, KernelState } from "./kernel-plan.ts";

function planOf(kvs: Readonly<Record<string, string>>, hostname: string): KernelState {
  const model = new FelixModel(hostname);
  model.apply(Object.entries(kvs).map(([key, value]) => ({ key, value })));
  return kernelPlan(model.outcome(), hostname);
}

const [a, b] = CLUSTERS.map(typhaKvs);
if (a === undefined || b === undefined) throw new Error("two clusters");

test("a node's kernel gets its device, and route, neighbour, FDB and source of its cluster's other node, by family", () => {
  const { 4: v4, 6: v6 } = planOf(a, "a1");
  expect(v4).toEqual({
    device: {
      name: "vxlan.calico",
      address: "10.65.1.0",
      mac: "66:f2:9b:c9:1b:bd",
      local: "10.5.0.11",
    },
    routes: new Map([["10.65.2.0/26", { via: "10.65.2.0", device: "vxlan.calico" }]]),
    fdb: new Map([["66:b9:f8:5d:aa:6f", "10.5.0.12"]]),
    neighbours: new Map([["10.65.2.0", "66:b9:f8:5d:aa:6f"]]),
    sources: ["10.5.0.12"],
    masqueraded: ["10.65.0.0/16"],
    pools: ["10.65.0.0/16"],
  });
  expect([...v6.routes]).toEqual([
    ["fd00:65::2:0/122", { via: "fd00:65::2:0", device: "vxlan-v6.calico" }],
  ]);
});

test("a borrowed address goes to the node that uses it", () => {
  expect(planOf(b, "b1")[4].routes.get("10.66.1.9/32")?.via).toBe("10.66.2.0");
  expect(planOf(b, "b2")[4].routes.has("10.66.1.9/32")).toBe(false);
});

test("in one subnet a cross-subnet pool is routed without the tunnel; a pool without VXLAN is not routed", () => {
  const withMode = (mode: string) =>
    planOf(
      Object.fromEntries(
        Object.entries(a).map(([key, text]) => [key, text.replace('"always"', `"${mode}"`)]),
      ),
      "a1",
    )[4];
  expect(withMode("cross-subnet").routes.get("10.65.2.0/26")).toEqual({
    via: "10.5.0.12",
    device: "eth0",
  });
  expect(withMode("").device).toBe(null);
});

const outcome = (vteps: Outcome["vteps"], routes: Outcome["routes"]): Outcome => ({
  ...new FelixModel("n").outcome(),
  vteps,
  routes,
});

test("nodes of one MAC have one entry for it; a borrowed tunnel address is a neighbour itself", () => {
  const vtep = (node: string, n: number, mac: string) => ({
    node,
    mac,
    ipv4_addr: `10.65.${n}.0`,
    parent_device_ip: `10.5.0.1${n}`,
  });
  const [own, x, y] = [vtep("n", 1, "66:01"), vtep("x", 2, "66:02"), vtep("y", 3, "66:02")];
  const tunnel = {
    dst: "10.65.2.0/32",
    dst_node_name: "x",
    ip_pool_type: "VXLAN",
    types: "REMOTE_WORKLOAD|REMOTE_TUNNEL",
  };
  const plan = kernelPlan(outcome([own, x, y], [{ ...tunnel, borrowed: true }]), "n")[4];
  expect(plan.fdb.size).toBe(1);
  expect(plan.routes.get("10.65.2.0/32")).toEqual({ via: null, device: "vxlan.calico" });
  expect(kernelPlan(outcome([own, x], [tunnel]), "n")[4].routes.size).toBe(0);
});

test("a kernel is told its device first, then FDB, neighbours and routes; nothing twice", () => {
  const state = planOf(a, "a1");
  const all = commands(UNTOUCHED, state);
  expect(all.before[0]).toBe(
    "link add vxlan.calico address 66:f2:9b:c9:1b:bd mtu 1450 type vxlan id 4096 local 10.5.0.11 dev eth0 dstport 4789 nolearning",
  );
  expect(all.bridge[0]).toBe(
    "fdb replace 66:b9:f8:5d:aa:6f dev vxlan.calico dst 10.5.0.12 self permanent",
  );
  expect(all.after.slice(0, 2)).toEqual([
    "neigh replace 10.65.2.0 lladdr 66:b9:f8:5d:aa:6f dev vxlan.calico nud permanent",
    "route replace 10.65.2.0/26 via 10.65.2.0 dev vxlan.calico onlink proto 80",
  ]);
  expect(all.nft).toContain(
    "flush set inet felix pools4\nadd element inet felix pools4 { 10.65.0.0/16 }\n",
  );
  expect(commands(state, state)).toEqual({ nft: "", before: [], bridge: [], after: [] });
});

test("what goes: the route before its neighbour and FDB; with the device all that it carried", () => {
  const state = planOf(a, "a1");
  const alone: FamilyState = {
    ...state[4],
    routes: new Map(),
    fdb: new Map(),
    neighbours: new Map(),
    sources: [],
  };
  expect(commands(state, { ...state, 4: alone })).toEqual({
    nft: "flush set inet felix vxlan4\n",
    before: ["route del 10.65.2.0/26"],
    bridge: ["fdb del 66:b9:f8:5d:aa:6f dev vxlan.calico self"],
    after: ["neigh del 10.65.2.0 dev vxlan.calico"],
  });
  const away = commands(state, UNTOUCHED);
  expect(away.before).toEqual(["link del vxlan.calico", "link del vxlan-v6.calico"]);
  expect([...away.bridge, ...away.after]).toEqual([]);
});
