/**
 * Admission: whether a record is the origin's own to publish. Pure; the hub judges what comes in
 * with the ranges that the Mesh has pinned for the cluster, a relay judges what it reads from a
 * remote directly. Ownership is rooted in the registry, not in what an origin says about itself.
 * [ADM1..ADM6]
 */
import { parseIp } from "../ip/address.ts";
import { parseCidr } from "../ip/cidr.ts";
import { RangeSet } from "../ip/range-set.ts";
import { isSpecialAddress } from "../ip/special.ts";
import type { CalicoRecord, HostEndpoint, Node, WorkloadEndpoint } from "../record/record.ts";
import type { PinnedRanges, RangeClaim, RefusedClaim } from "../visibility/facts.ts";
import { MAX_REFUSED } from "../visibility/own-ranges.ts";
import { refusedByFelix } from "./felix-rules.ts";

export interface AdmissionFacts {
  readonly pods: RangeSet;
  readonly nodes: RangeSet;
  /** `use cidr` → reason. */
  readonly refused: ReadonlyMap<string, string>;
}

export type Verdict =
  | { readonly admitted: true }
  | {
      readonly admitted: false;
      readonly rule: AdmissionRule;
      readonly message: string;
      /**
       * The record without the addresses that are refused, which is admitted; `null`: nothing of it
       * is. [ADM11]
       */
      readonly remainder: CalicoRecord | null;
      /**
       * What the Mesh would have to pin for the record to be admitted; empty when it would not
       * help.
       */
      readonly claims: readonly RangeClaim[];
    };

export type AdmissionRule =
  | "not-for-felix"
  | "no-address"
  | "special-address"
  | "outside-pod-ranges"
  | "outside-ranges"
  | "unclaimed-range"
  | typeof PARTLY_RULE;

/** Some addresses of an endpoint are refused, the others are admitted. [ADM11] */
export const PARTLY_RULE = "some-addresses";

const ADMITTED: Verdict = { admitted: true };

export function admissionFacts(
  ranges: PinnedRanges,
  refused: readonly RefusedClaim[],
): AdmissionFacts {
  return {
    pods: new RangeSet([...ranges.pods, ...(ranges.shared ?? [])]),
    nodes: new RangeSet(ranges.nodes),
    refused: new Map(refused.map((claim) => [`${claim.use} ${claim.cidr}`, claim.reason])),
  };
}

/** Whether some address was the cluster's own by the ranges before, and is not by these. */
export function narrows(before: PinnedRanges | undefined, after: PinnedRanges): boolean {
  if (before === undefined) return false;
  const isLeft = (old: readonly string[], now: RangeSet): boolean =>
    old.every((text) => {
      const cidr = parseCidr(text);
      return cidr === null || now.contains(cidr);
    });
  const shared = after.shared ?? [];
  const pods = new RangeSet([...after.pods, ...shared]);
  const any = new RangeSet([...after.pods, ...after.nodes, ...shared]);
  return !isLeft([...before.pods, ...(before.shared ?? [])], pods) || !isLeft(before.nodes, any);
}

export function judge(record: CalicoRecord, facts: AdmissionFacts): Verdict {
  const refusal = refusedByFelix(record);
  return refusal === null ? judgeOwnership(record, facts) : refuse("not-for-felix", refusal);
}

function judgeOwnership(record: CalicoRecord, facts: AdmissionFacts): Verdict {
  switch (record.kind) {
    case "WorkloadEndpoint": {
      if (record.ips.length === 0)
        return refuse("no-address", "a workload endpoint needs at least one address");
      return judgeEndpoint(record, [facts.pods], "outside-pod-ranges", "the cluster's pod ranges");
    }
    case "HostEndpoint":
      return judgeEndpoint(
        record,
        [facts.pods, facts.nodes],
        "outside-ranges",
        "the cluster's pod and node ranges",
      );
    case "IPPool":
      return judgePool(record.cidr, facts);
    case "IPAMBlock": {
      const cidr = parseCidr(record.cidr);
      if (cidr !== null && facts.pods.contains(cidr)) return ADMITTED;
      return refuse(
        "outside-pod-ranges",
        `block ${record.cidr} is outside the cluster's pod ranges`,
      );
    }
    case "ServiceEndpoint":
      // Pods of the host's network have the node's address.
      // fault: foreign-endpoint
      return judgeAddresses(
        [record.ip],
        [facts.pods, facts.nodes],
        "outside-ranges",
        "the cluster's pod and node ranges",
      );
    case "Service":
    case "ServiceChange":
    case "ServiceExport":
      return ADMITTED;
    case "Node":
      return judgeNode(record, facts);
    case "Profile":
    case "ClusterConfig":
      return ADMITTED;
  }
}

function refuse(rule: AdmissionRule, message: string, claims: readonly RangeClaim[] = []): Verdict {
  return { admitted: false, rule, message, remainder: null, claims };
}

/** One address that is not the cluster's costs that address, not the endpoint. */
function judgeEndpoint(
  record: WorkloadEndpoint | HostEndpoint,
  own: readonly RangeSet[],
  rule: AdmissionRule,
  whose: string,
): Verdict {
  const all = judgeAddresses(record.ips, own, rule, whose);
  if (all.admitted) return all;
  const isWrong = (ip: string): boolean => !judgeAddresses([ip], own, rule, whose).admitted;
  const wrong = new Set(record.ips.filter(isWrong));
  if (wrong.size === record.ips.length) return all;
  const ips = record.ips.filter((ip) => !wrong.has(ip));
  const message = `${[...wrong].join(", ")}: not one of ${whose}; the endpoint is admitted without`;
  return {
    admitted: false,
    rule: PARTLY_RULE,
    message,
    remainder: { ...record, ips },
    claims: [],
  };
}

function judgeAddresses(
  ips: readonly string[],
  own: readonly RangeSet[],
  rule: AdmissionRule,
  whose: string,
): Verdict {
  for (const ip of ips) {
    const address = parseIp(ip);
    if (address === null || isSpecialAddress(address))
      return refuse("special-address", `${ip} is unspecified, loopback, link-local or multicast`);
    if (!isIn(own, address)) return refuse(rule, `${ip} is outside ${whose}`);
  }
  return ADMITTED;
}

function isIn(sets: readonly RangeSet[], address: Uint8Array): boolean {
  for (const set of sets) if (set.has(address)) return true;
  return false;
}

function judgePool(cidr: string, facts: AdmissionFacts): Verdict {
  const parsed = parseCidr(cidr);
  if (parsed === null) return refuse("special-address", `${cidr} is not a prefix`);
  if (facts.pods.contains(parsed)) return ADMITTED;
  const reason = facts.refused.get(`pods ${cidr}`);
  if (reason !== undefined) return refuse("outside-pod-ranges", `pool ${cidr}: ${reason}`);
  if (claimsNoMore(facts)) return refuse("outside-pod-ranges", `pool ${cidr}: ${NO_MORE}`);
  return refuse("unclaimed-range", `pool ${cidr} waits for the mesh to pin it`, [
    { cidr, use: "pods" },
  ]);
}

const NO_MORE = `${MAX_REFUSED} claims of this cluster were refused, and nothing more is claimed for it until there are fewer`;

/** A further claim could only be refused too, and each costs more than the one before. [VIS27] */
function claimsNoMore({ refused }: AdmissionFacts): boolean {
  return refused.size >= MAX_REFUSED;
}

function judgeNode(node: Node, facts: AdmissionFacts): Verdict {
  const own = [node.ipv4Address, node.ipv6Address, ...node.internalIPs].filter(
    (text) => text !== "",
  );
  const claims: RangeClaim[] = [];
  for (const text of own) {
    const ip = text.split("/")[0] ?? "";
    const address = parseIp(ip);
    if (address === null || isSpecialAddress(address))
      return refuse("special-address", `${ip} is unspecified, loopback, link-local or multicast`);
    if (facts.nodes.has(address) || facts.pods.has(address)) continue;
    const claim = { cidr: `${ip}/${address.length * 8}`, use: "nodes" } as const;
    const reason = facts.refused.get(`nodes ${claim.cidr}`);
    if (reason !== undefined) return refuse("outside-ranges", `node address ${ip}: ${reason}`);
    if (claimsNoMore(facts)) return refuse("outside-ranges", `node address ${ip}: ${NO_MORE}`);
    claims.push(claim);
  }
  if (claims.length > 0)
    return refuse("unclaimed-range", "its addresses wait for the mesh to pin them", claims);
  const tunnels = [
    node.ipv4VXLANTunnelAddr,
    node.ipv6VXLANTunnelAddr,
    node.ipv4IPIPTunnelAddr,
    node.ipv4WireguardAddr,
    node.ipv6WireguardAddr,
  ].filter((ip) => ip !== "");
  return judgeAddresses(
    tunnels,
    [facts.pods, facts.nodes],
    "outside-ranges",
    "the cluster's pod and node ranges",
  );
}
