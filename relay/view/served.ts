/**
 * The filter between remote views and this cluster: the relay refuses again what overlaps the
 * cluster's own addresses, whatever the hub let through, so that a remote key can never take over a
 * local pod's identity. [VIE9] Pure over (records, own addresses).
 */
import { refusedByFelix } from "../../shared/admission/felix-rules.ts";
import { isSpecialAddress } from "../../shared/admission/judge.ts";
import { parseIp } from "../../shared/ip/address.ts";
import { parseCidr } from "../../shared/ip/cidr.ts";
import { RangeSet } from "../../shared/ip/range-set.ts";
import type { CalicoRecord } from "../../shared/record/record.ts";
import type { PinnedRanges } from "../../shared/visibility/facts.ts";

/** The part of a record that is served: all, some of it, or nothing, and why not all. */
export type Served =
  | { readonly kind: "all" }
  | { readonly kind: "part"; readonly record: CalicoRecord; readonly reason: string }
  | { readonly kind: "nothing"; readonly reason: string };

const ALL: Served = { kind: "all" };

/**
 * The cluster's own addresses: what the mesh has pinned for it, and what its source shows (pools,
 * node addresses). In a range that it shares with other clusters only the nodes' addresses are its
 * own. [VIS33]
 */
export class OwnAddresses {
  readonly #ranges: RangeSet;
  readonly #nodes: RangeSet;
  readonly #shared: RangeSet;
  readonly #text: string;

  constructor(pinned: PinnedRanges, local: Iterable<CalicoRecord>) {
    const own = [...pinned.pods, ...pinned.nodes];
    const nodes: string[] = [];
    for (const record of local) {
      if (record.kind === "IPPool") own.push(record.cidr);
      if (record.kind === "Node") nodes.push(...nodeAddresses(record));
    }
    const shared = pinned.shared ?? [];
    this.#ranges = new RangeSet(own);
    this.#nodes = new RangeSet(nodes);
    this.#shared = new RangeSet(shared);
    this.#text = [own, nodes, shared]
      .map((cidrs) => [...new Set(cidrs)].toSorted().join(" "))
      .join(";");
  }

  equals(other: OwnAddresses): boolean {
    return other.#text === this.#text;
  }

  /** Profiles have no address. */
  served(record: CalicoRecord): Served {
    const refused = refusedByFelix(record);
    if (refused !== null) return { kind: "nothing", reason: refused };
    if (record.kind === "IPPool") return this.#servedPool(record.cidr);
    if (record.kind === "ServiceEndpoint") {
      const refusal = this.#refusal(record.ip);
      return refusal === null ? ALL : { kind: "nothing", reason: refusal };
    }
    if (record.kind !== "WorkloadEndpoint" && record.kind !== "HostEndpoint") return ALL;
    const reasons = record.ips.flatMap((ip) => this.#refusal(ip) ?? []);
    const [reason] = reasons;
    if (reason === undefined) return ALL;
    if (reasons.length === record.ips.length) return { kind: "nothing", reason };
    const ips = record.ips.filter((ip) => this.#refusal(ip) === null);
    return { kind: "part", record: { ...record, ips }, reason };
  }

  /** Why a pool is not to be delivered, or `null`. */
  refusesPool(cidr: string): string | null {
    const served = this.#servedPool(cidr);
    return served.kind === "nothing" ? served.reason : null;
  }

  /**
   * A pool of the same CIDR would overwrite the local one, one around or inside it would change its
   * addresses' kind and NAT.
   */
  #servedPool(text: string): Served {
    const cidr = parseCidr(text);
    const isOwn =
      cidr === null ||
      ((this.#ranges.overlaps(cidr) || this.#nodes.overlaps(cidr)) && !this.#shared.contains(cidr));
    return isOwn
      ? { kind: "nothing", reason: `pool ${text} overlaps this cluster's own addresses` }
      : ALL;
  }

  #refusal(ip: string): string | null {
    const address = parseIp(ip);
    if (address === null || isSpecialAddress(address)) return `${ip} is not an endpoint's address`;
    const isOwn = this.#ranges.has(address) && !this.#shared.has(address);
    return isOwn || this.#nodes.has(address)
      ? `${ip} is one of this cluster's own addresses`
      : null;
  }
}

function nodeAddresses(node: Extract<CalicoRecord, { kind: "Node" }>): string[] {
  return [node.ipv4Address, node.ipv6Address, ...node.internalIPs]
    .map((text) => text.split("/")[0] ?? "")
    .filter((ip) => ip !== "");
}
