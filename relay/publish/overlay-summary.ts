/**
 * What this cluster says of itself for routes to it, of its own records: nodes with their tunnels,
 * pools, settings. Made anew only when one of them has changed; pods are none of it. [OVL1]
 */
import { SUMMARY_LIMITS, OVERLAY_PARAMS } from "../../shared/overlay/summary.ts";
import type { OverlaySummary, SummaryNode, SummaryPool } from "../../shared/overlay/summary.ts";
import { macOf } from "../../shared/overlay/vtep.ts";
import type { CalicoRecord, IPPool, Node } from "../../shared/record/record.ts";
import { kindOfKey } from "../../shared/record/key-name.ts";
import type { EncodedChange } from "../../shared/record/encoding.ts";

/** The cluster's own records, and the pools of its datastore that are not its own. */
export interface SummarySources {
  records(): Iterable<CalicoRecord>;
  readonly pools: { notOwn(): readonly IPPool[] };
}

export class SummaryKeeper {
  readonly #sources: SummarySources;
  #summary: OverlaySummary | null = null;

  constructor(sources: SummarySources) {
    this.#sources = sources;
  }

  /**
   * The same object until something of it has changed.
   * @param services Ranges of the cluster's Services, the same each time.
   */
  with(services: readonly string[]): OverlaySummary {
    this.#summary ??= overlaySummary(
      this.#sources.records(),
      this.#sources.pools.notOwn(),
      services,
    );
    return this.#summary;
  }

  onChanges(changes: readonly EncodedChange[]): void {
    if (changes.some(isOfSummary)) this.#summary = null;
  }
}

function isOfSummary(change: EncodedChange): boolean {
  const kind = change.op === "put" ? change.record.kind : kindOfKey(change.key);
  return kind === "Node" || kind === "IPPool" || kind === "ClusterConfig";
}

export function overlaySummary(
  records: Iterable<CalicoRecord>,
  notOwn: readonly IPPool[],
  services: readonly string[],
): OverlaySummary {
  const nodes: SummaryNode[] = [];
  const addresses: (readonly [string, string])[] = [];
  const pools: SummaryPool[] = [];
  const params: Record<string, string> = {};
  for (const record of records)
    if (record.kind === "Node") {
      nodes.push(summaryNode(record));
      addresses.push(...besides(record));
    } else if (record.kind === "IPPool") pools.push({ cidr: record.cidr, mode: modeOf(record) });
    else if (record.kind === "ClusterConfig")
      for (const name of OVERLAY_PARAMS) {
        const value = record.params[name];
        if (value !== undefined) params[name] = value;
      }
  const sorted = nodes.toSorted(([a], [b]) => compare(a, b));
  const handMade = notOwn.filter(({ disabled }) => disabled).map(({ cidr }) => cidr);
  const isTold = areTold(sorted, addresses);
  return {
    nodes: isTold ? sorted : [],
    nodeCount: nodes.length,
    addresses: isTold ? addresses.toSorted((a, b) => compare(a.join(" "), b.join(" "))) : [],
    pools: pools.toSorted((a, b) => compare(a.cidr, b.cidr)).slice(0, SUMMARY_LIMITS.pools),
    handMade: handMade.toSorted().slice(0, SUMMARY_LIMITS.ranges),
    services: services.slice(0, SUMMARY_LIMITS.ranges),
    params,
  };
}

/** All or none: a part of them would say that the rest cannot clash. */
function areTold(nodes: readonly SummaryNode[], addresses: OverlaySummary["addresses"]): boolean {
  return (
    Math.max(nodes.length, addresses.length) <= SUMMARY_LIMITS.nodes &&
    JSON.stringify([nodes, addresses]).length <= SUMMARY_LIMITS.bytes
  );
}

/** Addresses of a node that it is not reached by. */
function besides({ name, ipv4Address, ipv6Address, internalIPs }: Node): [string, string][] {
  const reached = [ipv4Address, ipv6Address].map(hostPart);
  return internalIPs.filter((ip) => !reached.includes(ip)).map((ip) => [name, ip]);
}

function summaryNode(node: Node): SummaryNode {
  const { name, ipv4VXLANTunnelAddr: tunnel4, ipv6VXLANTunnelAddr: tunnel6 } = node;
  return [
    name,
    hostPart(node.ipv4Address),
    tunnel4,
    tunnel4 === "" ? "" : macOf(node, 4),
    hostPart(node.ipv6Address),
    tunnel6,
    tunnel6 === "" ? "" : macOf(node, 6),
  ];
}

function hostPart(address: string): string {
  return address.split("/")[0] ?? "";
}

function modeOf({ vxlanMode, ipipMode }: IPPool): SummaryPool["mode"] {
  return vxlanMode !== "" ? "vxlan" : ipipMode === "" ? "none" : "ipip";
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
