/**
 * What of the remote views is served to this cluster: the relay refuses again what overlaps the cluster's own addresses, whatever the hub let
 * through, so that a remote key can never take over a local pod's identity. [VIE9] Pure over (records, own addresses).
 */
import { refusedByFelix } from "../../shared/admission/felix-rules.ts";
import { isSpecialAddress } from "../../shared/admission/judge.ts";
import { parseIp } from "../../shared/ip/address.ts";
import { parseCidr } from "../../shared/ip/cidr.ts";
import { RangeSet } from "../../shared/ip/range-set.ts";
import type { CalicoRecord } from "../../shared/record/record.ts";
import type { PinnedRanges } from "../../shared/visibility/facts.ts";

/** The cluster's own addresses: what the mesh has pinned for it, and what its source shows (pools, node addresses). */
export class OwnAddresses {
  readonly #ranges: RangeSet;
  readonly #text: string;

  constructor(pinned: PinnedRanges, local: Iterable<CalicoRecord>) {
    const own = [...pinned.pods, ...pinned.nodes];
    for (const record of local) {
      if (record.kind === "IPPool") own.push(record.cidr);
      if (record.kind === "Node") own.push(...nodeAddresses(record));
    }
    this.#ranges = new RangeSet(own);
    this.#text = [...new Set(own)].toSorted().join(" ");
  }

  equals(other: OwnAddresses): boolean {
    return other.#text === this.#text;
  }

  /** Why a record is not served, or `null`. Profiles have no address. */
  refusal(record: CalicoRecord): string | null {
    const refused = refusedByFelix(record);
    if (refused !== null) return refused;
    if (record.kind === "IPPool") {
      const cidr = parseCidr(record.cidr);
      // A pool of the same CIDR would overwrite the local one, one around or inside it would change its addresses' kind and NAT.
      return cidr === null || this.#ranges.overlaps(cidr)
        ? `pool ${record.cidr} overlaps this cluster's own addresses`
        : null;
    }
    if (record.kind !== "WorkloadEndpoint" && record.kind !== "HostEndpoint") return null;
    for (const ip of record.ips) {
      const address = parseIp(ip);
      if (address === null || isSpecialAddress(address))
        return `${ip} is not an endpoint's address`;
      if (this.#ranges.has(address)) return `${ip} is one of this cluster's own addresses`;
    }
    return null;
  }
}

function nodeAddresses(node: Extract<CalicoRecord, { kind: "Node" }>): string[] {
  return [node.ipv4Address, node.ipv6Address, ...node.internalIPs]
    .map((text) => text.split("/")[0] ?? "")
    .filter((ip) => ip !== "");
}
