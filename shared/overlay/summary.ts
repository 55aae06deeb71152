/**
 * What one cluster says of itself that another one's routes to it depend on. Its relay makes it,
 * its Origin passes it on, the Mesh compares. Pods are not in it. [OVL1]
 */
import { z } from "zod";

import { canonicalIp } from "../ip/address.ts";
import { canonicalCidr } from "../ip/cidr.ts";
import { toHex } from "../lib/bytes.ts";
import { sha256 } from "../lib/hash.ts";

/** Name, IPv4 and IPv6: address, tunnel address, MAC of the tunnel; empty where there is none. */
export type SummaryNode = readonly [
  name: string,
  ip4: string,
  tunnel4: string,
  mac4: string,
  ip6: string,
  tunnel6: string,
  mac6: string,
];

export interface SummaryPool {
  readonly cidr: string;
  readonly mode: "vxlan" | "ipip" | "none";
}

export interface OverlaySummary {
  /** By name. Empty where there are more than may be told. */
  readonly nodes: readonly SummaryNode[];
  readonly nodeCount: number;
  /** Addresses that nodes have besides those that they are reached by. */
  readonly addresses: readonly (readonly [node: string, ip: string])[];
  /** The cluster's own pools, and those that only give nodes their tunnel addresses. */
  readonly pools: readonly SummaryPool[];
  /** Disabled pools that somebody made, so that nothing is source-NATed towards them. */
  readonly handMade: readonly string[];
  /** Ranges of Services. */
  readonly services: readonly string[];
  /** Felix's parameters, those that are set. */
  readonly params: Readonly<Record<string, string>>;
}

/** Bounds of a summary: with all of them a report stays below its limit. */
export const SUMMARY_LIMITS = { nodes: 2_000, pools: 128, ranges: 64, bytes: 256 * 1024 } as const;

/** Felix's parameters that decide on routes between clusters. */
export const OVERLAY_PARAMS = [
  "ExternalNodesCIDRList",
  "LocalSubnetL2Reachability",
  "RouteSource",
  "VXLANEnabled",
  "VXLANMTU",
  "VXLANPort",
  "VXLANVNI",
  "WireguardEnabled",
] as const;
export type OverlayParam = (typeof OVERLAY_PARAMS)[number];

const name = z.string().min(1).max(253);
const ip = z.string().refine((text) => text === "" || canonicalIp(text) === text, "must be an IP");
const mac = z.string().regex(/^(([0-9a-f]{2}:){5}[0-9a-f]{2})?$/, "must be a MAC address");
const cidr = z.string().refine((text) => canonicalCidr(text) === text, "must be a canonical CIDR");
const cidrs = z.array(cidr).max(SUMMARY_LIMITS.ranges);

export const nodeSchema = z.tuple([name, ip, ip, mac, ip, ip, mac]);
export const addressSchema = z.tuple([name, ip]);

/** The checked door: of a relay's report, and of a stored row. */
export const summarySchema = z.object({
  nodes: z.array(nodeSchema).max(SUMMARY_LIMITS.nodes),
  nodeCount: z.int().nonnegative(),
  // A relay of the version before says none.
  addresses: z.array(addressSchema).max(SUMMARY_LIMITS.nodes).default([]),
  pools: z
    .array(z.object({ cidr, mode: z.enum(["vxlan", "ipip", "none"]) }))
    .max(SUMMARY_LIMITS.pools),
  handMade: cidrs,
  services: cidrs,
  params: z.partialRecord(z.enum(OVERLAY_PARAMS), z.string().max(1_024)),
});

/** Tells two summaries apart: 16 hex digits. */
export function summaryHash(summary: OverlaySummary): string {
  const { nodes, nodeCount, addresses, pools, handMade, services, params } = summary;
  const sorted = Object.entries(params).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const text = JSON.stringify([
    nodes,
    nodeCount,
    addresses,
    pools.map(({ cidr, mode }) => [cidr, mode]),
    handMade,
    services,
    sorted,
  ]);
  return toHex(sha256(new TextEncoder().encode(text))).slice(0, 16);
}
