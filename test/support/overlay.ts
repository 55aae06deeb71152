/** Clusters with nodes, pools and blocks, as their records and as what they say of themselves. */
import { overlaySummary } from "../../relay/publish/overlay-summary.ts";
import type { OverlaySummary } from "../../shared/overlay/summary.ts";
import type { CalicoRecord, IPAMBlock, Node } from "../../shared/record/record.ts";
import { node, pool } from "./records.ts";

export function block(
  cidr: string,
  owner: string,
  borrowed: IPAMBlock["borrowed"] = [],
): IPAMBlock {
  return { kind: "IPAMBlock", cidr, node: owner, borrowed };
}

/** A node of a cluster with pods in `10.<n>.0.0/16` and nodes in `192.0.<n>.0/24`. */
export function tunnelNode(n: number, name: string, at: number, given: Partial<Node> = {}): Node {
  return node(name, {
    ipv4Address: `192.0.${n}.${at}/24`,
    ipv4VXLANTunnelAddr: `10.${n}.${at}.0`,
    ...given,
  });
}

/** Two nodes, a pool, a block each. */
export function clusterRecords(n: number, name: string): readonly CalicoRecord[] {
  return [
    pool(`10.${n}.0.0/16`),
    tunnelNode(n, `${name}1`, 1),
    tunnelNode(n, `${name}2`, 2),
    block(`10.${n}.1.0/26`, `${name}1`, [{ ordinal: 7, node: `${name}2` }]),
    block(`10.${n}.2.0/26`, `${name}2`),
  ];
}

export function summaryOf(records: Iterable<CalicoRecord>): OverlaySummary {
  return overlaySummary(records, [], []);
}

export function clusterSummary(n: number, name: string): OverlaySummary {
  return summaryOf(clusterRecords(n, name));
}
