/**
 * The filter between remote views and this cluster: the relay refuses again what overlaps the
 * cluster's own addresses, whatever the hub let through, so that a remote key can never take over a
 * local pod's identity. [VIE9] Pure over (records, own addresses).
 */
import { refusedByFelix } from "../../shared/admission/felix-rules.ts";
import { parseIp } from "../../shared/ip/address.ts";
import { parseCidr } from "../../shared/ip/cidr.ts";
import { RangeSet } from "../../shared/ip/range-set.ts";
import { isSpecialAddress } from "../../shared/ip/special.ts";
import { FAMILIES, vtepOf } from "../../shared/overlay/vtep.ts";
import type { CalicoRecord, ClusterConfig, Node } from "../../shared/record/record.ts";
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
  /** MACs and tunnel addresses of the cluster's own nodes. */
  readonly #tunnels: ReadonlySet<string>;
  /** Hosts that Felix takes VXLAN packets from besides nodes: it ends where a node is one. */
  readonly #external: RangeSet;
  readonly #text: string;

  /** @param services Ranges of the cluster's Services. */
  constructor(
    pinned: PinnedRanges,
    local: Iterable<CalicoRecord>,
    services: readonly string[] = [],
  ) {
    const own = [...pinned.pods, ...pinned.nodes, ...services];
    const nodes: string[] = [];
    const tunnels: string[] = [];
    const external: string[] = [];
    for (const record of local) {
      if (record.kind === "IPPool") own.push(record.cidr);
      if (record.kind === "ClusterConfig") external.push(...externalOf(record));
      if (record.kind !== "Node") continue;
      nodes.push(...nodeAddresses(record));
      tunnels.push(...tunnelsOf(record));
    }
    const shared = pinned.shared ?? [];
    this.#ranges = new RangeSet(own);
    this.#nodes = new RangeSet(nodes);
    this.#shared = new RangeSet(shared);
    this.#tunnels = new Set(tunnels);
    this.#external = new RangeSet(external);
    this.#text = [own, nodes, shared, tunnels, external]
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
    if (record.kind === "IPAMBlock") return this.#servedBlock(record.cidr);
    if (record.kind === "Node") return this.#servedNode(record);
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

  /** Its addresses would lead there, and not to this cluster's own pods. [OVL8] */
  #servedBlock(text: string): Served {
    return this.#servedPool(text).kind === "all"
      ? ALL
      : { kind: "nothing", reason: `block ${text} overlaps this cluster's own addresses` };
  }

  /** Traffic of this cluster's own nodes would go to it. [OVL8] */
  #servedNode(node: Node): Served {
    const own = tunnelsOf(node).find((id) => this.#tunnels.has(id));
    if (own !== undefined)
      return {
        kind: "nothing",
        reason: `node ${node.name}: ${own} is that of one of this cluster's nodes`,
      };
    const addresses = [...nodeAddresses(node), node.ipv4VXLANTunnelAddr, node.ipv6VXLANTunnelAddr];
    for (const ip of addresses) {
      const reason = ip === "" ? null : (this.#refusal(ip) ?? this.#externalRefusal(ip));
      if (reason !== null) return { kind: "nothing", reason: `node ${node.name}: ${reason}` };
    }
    return ALL;
  }

  #externalRefusal(ip: string): string | null {
    const address = parseIp(ip);
    return address !== null && this.#external.has(address)
      ? `${ip} is in this cluster's externalNodesList`
      : null;
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

function externalOf({ params }: ClusterConfig): string[] {
  const listed = (params["ExternalNodesCIDRList"] ?? "").split(",").map((text) => text.trim());
  return listed
    .filter((text) => text !== "")
    .map((text) => (text.includes("/") ? text : `${text}/${text.includes(":") ? 128 : 32}`));
}

/** MACs and addresses of a node's tunnels: in this cluster they name one node. */
function tunnelsOf(node: Node): string[] {
  return FAMILIES.flatMap((family) => {
    const vtep = vtepOf(node, family);
    return vtep === null || "reason" in vtep ? [] : [vtep.mac, vtep.address];
  });
}

function nodeAddresses(node: Node): string[] {
  return [node.ipv4Address, node.ipv6Address, ...node.internalIPs]
    .map((text) => text.split("/")[0] ?? "")
    .filter((ip) => ip !== "");
}
