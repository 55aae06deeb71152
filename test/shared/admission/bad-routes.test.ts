/** What an origin may announce for routes and must not: the hub's part. The relay's is [OVL8]. */
import { expect, test } from "vitest";

import { admissionFacts, judge } from "../../../shared/admission/judge.ts";
import { encodeChecked } from "../../../shared/record/encoding.ts";
import type { CalicoRecord } from "../../../shared/record/record.ts";
import { checkClaim } from "../../../shared/visibility/own-ranges.ts";
import { block, tunnelNode } from "../../support/overlay.ts";
import { pool } from "../../support/records.ts";

const TAKEN = "overlaps 10.65.0.0/16 of cluster a";
/** Cluster b, of which the mesh has refused cluster a's pool and one of a's nodes. */
const facts = admissionFacts({ pods: ["10.66.0.0/16"], nodes: ["192.0.66.1/32"] }, [
  { cidr: "10.65.0.0/16", use: "pods", reason: TAKEN },
  { cidr: "192.0.65.1/32", use: "nodes", reason: "is a node of cluster a" },
]);

test.each<[string, CalicoRecord, string, string]>([
  ["another cluster's pool", pool("10.65.0.0/16"), "outside-pod-ranges", TAKEN],
  ["a block of a default route", block("0.0.0.0/0", "b1"), "outside-pod-ranges", "0.0.0.0/0"],
  [
    "a block of a Service range",
    block("172.20.9.0/26", "b1"),
    "outside-pod-ranges",
    "172.20.9.0/26",
  ],
  ["a block outside its pools", block("10.67.1.0/26", "b1"), "outside-pod-ranges", "10.67.1.0/26"],
  [
    "another cluster's node address",
    tunnelNode(66, "b1", 1, { ipv4Address: "192.0.65.1/24" }),
    "outside-ranges",
    "node address 192.0.65.1: is a node of cluster a",
  ],
  [
    "a tunnel address outside its ranges",
    tunnelNode(66, "b1", 1, { ipv4VXLANTunnelAddr: "10.65.1.0" }),
    "outside-ranges",
    "10.65.1.0",
  ],
  [
    "a tunnel address of many",
    tunnelNode(66, "b1", 1, { ipv4VXLANTunnelAddr: "224.0.0.1" }),
    "special-address",
    "224.0.0.1",
  ],
  [
    "a multicast MAC",
    tunnelNode(66, "b1", 1, { vxlanTunnelMACAddr: "01:00:5e:00:00:01" }),
    "not-for-felix",
    "01:00:5e:00:00:01 must be the address of one node",
  ],
  [
    "a MAC of nobody, for IPv6",
    tunnelNode(66, "b1", 1, { vxlanTunnelMACAddrV6: "00:00:00:00:00:00" }),
    "not-for-felix",
    "must be the address of one node",
  ],
])("[ADM13] [ADM4] [ADM5] %s is refused by name", (_, record, rule, words) => {
  expect(judge(record, facts)).toMatchObject({
    admitted: false,
    rule,
    message: expect.stringContaining(words),
  });
});

test("[ADM3] [VIS26] a pool that is a default route is a claim, and no claim that the mesh takes", () => {
  expect(judge(pool("0.0.0.0/0"), facts)).toMatchObject({
    admitted: false,
    claims: [{ cidr: "0.0.0.0/0", use: "pods" }],
  });
  for (const cidr of ["0.0.0.0/0", "::/0"])
    expect(checkClaim(cidr, "pods")).toMatchObject({ ok: false });
});

test.each<[string, CalicoRecord, string]>([
  [
    "IPv6 as an IPv4 tunnel address",
    tunnelNode(66, "b1", 1, { ipv4VXLANTunnelAddr: "fd00:66::1" }),
    "ipv4VXLANTunnelAddr",
  ],
  [
    "IPv4 as an IPv6 tunnel address",
    tunnelNode(66, "b1", 1, { ipv6VXLANTunnelAddr: "10.66.1.0" }),
    "ipv6VXLANTunnelAddr",
  ],
  [
    "IPv6 as an IPv4 address",
    tunnelNode(66, "b1", 1, { ipv4Address: "fd00::1/64" }),
    "ipv4Address",
  ],
  [
    "a network as a tunnel address",
    tunnelNode(66, "b1", 1, { ipv4VXLANTunnelAddr: "10.66.1.0/26" }),
    "ipv4VXLANTunnelAddr",
  ],
  [
    "eight bytes as a MAC",
    tunnelNode(66, "b1", 1, { vxlanTunnelMACAddr: "66:00:00:00:00:00:00:01" }),
    "vxlanTunnelMACAddr",
  ],
])("[REC4] %s is no record, and its field is named", (_, record, field) => {
  expect(encodeChecked(record)).toMatchObject({ kind: "problem", problem: { field } });
});
