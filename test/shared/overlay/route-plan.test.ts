import { expect, test } from "vitest";

import { routePlan } from "../../../shared/overlay/route-plan.ts";
import { node, pool } from "../../support/records.ts";
import { block, clusterRecords, tunnelNode } from "../../support/overlay.ts";

test("[OVL4] blocks and borrowed addresses are routed to the tunnels of their nodes", () => {
  expect(routePlan(clusterRecords(66, "b"))).toEqual({
    routes: [
      {
        destination: "10.66.1.0/26",
        node: "b1",
        via: "10.66.1.0",
        mac: "66:7e:83:ca:2a:65",
        outer: "192.0.66.1",
        kind: "block",
      },
      expect.objectContaining({ destination: "10.66.1.7/32", node: "b2", kind: "borrowed" }),
      expect.objectContaining({ destination: "10.66.2.0/26", node: "b2", outer: "192.0.66.2" }),
    ],
    unrouted: [],
  });
});

test("[OVL4] IPv6 blocks need IPv6 tunnels", () => {
  const v6 = { ipv6Address: "fd00:1::1/64", ipv6VXLANTunnelAddr: "fd00:66::1" };
  const records = [
    pool("10.66.0.0/16"),
    pool("fd00:66::/64"),
    tunnelNode(66, "b1", 1, v6),
    tunnelNode(66, "b2", 2),
    block("fd00:66::/122", "b1", [{ ordinal: 9, node: "b1" }]),
    block("fd00:66::40/122", "b2"),
  ];
  const { routes, unrouted } = routePlan(records);
  expect(routes.map(({ destination, via }) => [destination, via])).toEqual([
    ["fd00:66::/122", "fd00:66::1"],
  ]);
  expect(unrouted).toEqual([
    {
      what: "block fd00:66::40/122",
      reason: "fd00:66::40/122: node b2 has no IPv6 tunnel endpoint",
    },
  ]);
});

test("[OVL4] a borrowed IPv6 address is a /128 to the tunnel of the node that uses it", () => {
  const v6 = (at: number) => ({
    ipv6Address: `fd00:1::${at}/64`,
    ipv6VXLANTunnelAddr: `fd00:66::${at}`,
  });
  const { routes, unrouted } = routePlan([
    pool("fd00:66::/64"),
    ...[1, 2].map((at) => node(`b${at}`, v6(at))),
    block("fd00:66::40/122", "b1", [{ ordinal: 9, node: "b2" }]),
  ]);
  expect(unrouted).toEqual([]);
  expect(routes.map(({ destination, via, kind }) => [destination, via, kind])).toEqual([
    ["fd00:66::40/122", "fd00:66::1", "block"],
    ["fd00:66::49/128", "fd00:66::2", "borrowed"],
  ]);
});

test.each([
  [
    "a tunnel address outside its pools",
    [tunnelNode(66, "b1", 1, { ipv4VXLANTunnelAddr: "10.9.0.1" })],
    "is in no pool of its cluster",
  ],
  [
    "a MAC twice",
    [tunnelNode(66, "b0", 9, { vxlanTunnelMACAddr: "66:7e:83:ca:2a:65" }), tunnelNode(66, "b1", 1)],
    "is that of node b0 already",
  ],
  [
    "a tunnel address twice",
    [tunnelNode(66, "b0", 1), tunnelNode(66, "b1", 1)],
    "10.66.1.0 is that of node b0 already",
  ],
  [
    "a block outside its pools",
    [tunnelNode(66, "b1", 1), block("10.99.0.0/26", "b1")],
    "block 10.99.0.0/26 is in no pool",
  ],
  [
    "an address beyond its block",
    [tunnelNode(66, "b1", 1), block("10.66.3.0/26", "b9")],
    "node b9 has no IPv4 tunnel",
  ],
])("[OVL4] %s has no route, and says why", (_, records, words) => {
  const { unrouted } = routePlan([pool("10.66.0.0/16"), ...records]);
  expect(unrouted.map(({ reason }) => reason).join()).toContain(words);
});

test("[OVL4] a cluster without VXLAN takes part by a pool for tunnels alone", () => {
  const tunnels = { ...pool("10.99.0.0/24"), allowedUses: ["Tunnel"] };
  const records = [
    { ...pool("10.66.0.0/16"), vxlanMode: "" as const },
    tunnels,
    tunnelNode(66, "b1", 1, { ipv4VXLANTunnelAddr: "10.99.0.1" }),
    block("10.66.1.0/26", "b1"),
  ];
  const { routes, unrouted } = routePlan(records);
  expect(unrouted).toEqual([]);
  expect(routes.map(({ destination, via }) => [destination, via])).toEqual([
    ["10.66.1.0/26", "10.99.0.1"],
  ]);
});

test("[OVL4] a pool for load balancers only is none", () => {
  const lb = { ...pool("10.66.0.0/16"), allowedUses: ["LoadBalancer"] };
  expect(routePlan([lb, ...clusterRecords(66, "b").slice(1)]).routes).toEqual([]);
});
