import fc from "fast-check";
import { expect, test } from "vitest";

import { ClashIndex, clashesOf } from "../../../shared/overlay/clash-index.ts";
import { firstFailure, preflight, remotesClash } from "../../../shared/overlay/preflight.ts";
import type { OverlaySummary } from "../../../shared/overlay/summary.ts";
import { summaryHash, summarySchema } from "../../../shared/overlay/summary.ts";
import { clusterSummary, summaryOf, tunnelNode } from "../../support/overlay.ts";
import { pool } from "../../support/records.ts";

const A = clusterSummary(65, "a");
const B = clusterSummary(66, "b");

const check = (a: OverlaySummary | null, b: OverlaySummary | null) => {
  const clashes = a === null || b === null ? { names: [], macs: [], ranges: [] } : clashesOf(a, b);
  return {
    all: preflight({ name: "a", summary: a }, { name: "b", summary: b }, clashes),
    first: firstFailure({ name: "a", summary: a }, { name: "b", summary: b }, clashes),
  };
};

test("[OVL2] two clusters with VXLAN and nothing in common are ready, with both values of each requirement", () => {
  const { all, first } = check(A, B);
  expect(first).toBe(null);
  expect(all.filter(({ state }) => state !== "met")).toEqual([]);
  expect(all.find(({ code }) => code === "VxlanPools")?.values).toEqual([
    "10.65.0.0/16 vxlan",
    "10.66.0.0/16 vxlan",
  ]);
});

test("[OVL2] a cluster without VXLAN is ready with a pool for tunnels alone, and not with it gone", () => {
  const records = [
    { ...pool("10.66.0.0/16"), vxlanMode: "" as const },
    tunnelNode(66, "b1", 1, { ipv4VXLANTunnelAddr: "10.99.0.1" }),
  ];
  const tunnels = { ...pool("10.99.0.0/24"), allowedUses: ["Tunnel"] };
  expect(check(A, summaryOf([...records, tunnels])).first).toBe(null);
  expect(check(A, summaryOf(records)).first).toContain("VxlanPools");
});

const params = (given: Record<string, string>): OverlaySummary => ({ ...B, params: given });
const oneNode = (given: Partial<Record<number, string>>): OverlaySummary => {
  const row = B.nodes[0] ?? ["", "", "", "", "", "", ""];
  const nodes = [row.map((value, i) => given[i] ?? value), ...B.nodes.slice(1)];
  return summarySchema.parse({ ...B, nodes });
};

test.each<[string, "failed" | "warning", OverlaySummary | null, string]>([
  ["Reported", "failed", null, "no relay of b has said what its routes need"],
  ["NodeCount", "failed", { ...B, nodes: [], nodeCount: 100_000 }, "b has 100000 nodes"],
  [
    "NodesUsable",
    "failed",
    { ...B, nodes: [], nodeCount: 0 },
    "b has no nodes: does it run Calico?",
  ],
  ["NodesReached", "warning", oneNode({ 2: "" }), "1 nodes of b have no tunnel"],
  [
    "VxlanPools",
    "failed",
    { ...B, pools: [{ cidr: "10.66.0.0/16", mode: "none" }] },
    "vxlanMode: Always and allowedUses: [Tunnel]",
  ],
  [
    "VxlanPools",
    "failed",
    { ...B, pools: [{ cidr: "fd00:66::/64", mode: "vxlan" }] },
    "no pools of one",
  ],
  ["VxlanEnabled", "failed", params({ VXLANEnabled: "false" }), "vxlanEnabled is false in b"],
  [
    "TunnelMacs",
    "failed",
    oneNode({ 3: A.nodes[0]?.[3] ?? "" }),
    "projectcalico.org/VXLANTunnelMACAddr",
  ],
  [
    "Ranges",
    "failed",
    { ...B, services: ["10.65.128.0/24"] },
    "pool 10.65.0.0/16 and service range 10.65.128.0/24",
  ],
  ["Ranges", "failed", { ...B, services: ["192.0.65.0/24"] }, "node a1 (192.0.65.1)"],
  ["Ranges", "failed", oneNode({ 1: "192.0.65.1" }), "node a1 and node b1 (192.0.65.1)"],
  [
    "Ranges",
    "failed",
    { ...B, addresses: [["b1", "10.65.3.4"]] },
    "node b1 (10.65.3.4) and pool 10.65.0.0/16",
  ],
  [
    "RouteSource",
    "failed",
    params({ RouteSource: "WorkloadIPs" }),
    "routeSource is CalicoIPAM in a",
  ],
  ["VxlanPort", "failed", params({ VXLANPort: "4790" }), "vxlanPort is 4789 in a and 4790 in b"],
  ["VxlanVni", "failed", params({ VXLANVNI: "1" }), "vxlanVNI is 4096 in a and 1 in b"],
  [
    "ExternalNodes",
    "failed",
    params({ ExternalNodesCIDRList: "192.0.65.0/24" }),
    "holds node a1 of a",
  ],
  [
    "LocalSubnetL2Reachability",
    "failed",
    params({ LocalSubnetL2Reachability: "PodsAndLoadBalancers" }),
    "localSubnetL2Reachability is PodsAndLoadBalancers in b",
  ],
  ["NodeNames", "warning", oneNode({ 0: "a1" }), "both have nodes named a1"],
  ["Mtu", "warning", params({ VXLANMTU: "1400" }), "set 1400 in both"],
  ["Wireguard", "warning", params({ WireguardEnabled: "true" }), "clear text between a and b"],
  ["HandMadePools", "warning", { ...B, handMade: ["10.65.0.0/16"] }, "disabled pool 10.65.0.0/16"],
])("[OVL2] %s: %s, in words that say what to do", (code, state, b, words) => {
  const { all, first } = check(A, b);
  const found = all.find((one) => one.code === code);
  expect(found?.state).toBe(state);
  expect(found?.message).toContain(words);
  expect(first === null).toBe(state === "warning");
});

test("[OVL6] two remotes clash by a MAC or a range, and not by the name of a node", () => {
  expect(remotesClash("a", "b", clashesOf(A, oneNode({ 0: "a1" })))).toBe(null);
  expect(remotesClash("a", "b", clashesOf(A, { ...B, services: ["10.65.0.0/24"] }))).toMatch(
    /^a and b overlap/,
  );
});

test("[OVL2] the index that is kept up to date says what a new one says, whatever changes", () => {
  const names = ["a", "b", "c"];
  const summary = fc.record({
    who: fc.constantFrom(...names),
    n: fc.constantFrom(65, 66, 67, 68),
    prefix: fc.constantFrom("a", "b", "c", "d"),
    isGone: fc.boolean(),
    services: fc.subarray(["10.65.7.0/24", "192.0.66.0/24", "172.20.0.0/16"]),
  });
  fc.assert(
    fc.property(fc.array(summary, { maxLength: 12 }), (changes) => {
      const index = new ClashIndex();
      const held = new Map<string, OverlaySummary>();
      for (const { who, n, prefix, isGone, services } of changes) {
        const next = isGone ? null : { ...clusterSummary(n, prefix), services };
        index.set(who, next);
        if (next === null) held.delete(who);
        else held.set(who, next);
      }
      for (const [x, a] of held)
        for (const [y, b] of held) if (x < y) expect(index.clashes(x, y)).toEqual(clashesOf(a, b));
    }),
  );
});

test("[OVL1] a summary is told by its hash, whatever the order of its settings", () => {
  const settings = { VXLANPort: "1", VXLANVNI: "2" };
  expect(summaryHash(params(settings))).toBe(
    summaryHash(params({ VXLANVNI: "2", VXLANPort: "1" })),
  );
  expect(summaryHash(A)).not.toBe(summaryHash(B));
});
