/**
 * What a node's kernel is to have, by Felix's rules, of what Felix has worked out: a VXLAN device
 * for each family, a route and its tunnel endpoint for each block of another node, who may send
 * VXLAN here, and which sources are hidden from whom. Pure. Source: calico v3.32.1
 * felix/dataplane/linux/{vxlan_mgr,route_mgr,masq_mgr}.go.
 */
import type { Outcome } from "../support/felix-model/model.ts";

export type Family = 4 | 6;
export const FAMILIES: readonly Family[] = [4, 6];

/** `null` as a next hop: the destination is the tunnel endpoint itself. */
export interface KernelRoute {
  readonly via: string | null;
  readonly device: string;
}

export interface Device {
  readonly name: string;
  /** Of the tunnel, without its length. */
  readonly address: string;
  readonly mac: string;
  /** Outer address of this node. */
  readonly local: string;
}

export interface FamilyState {
  readonly device: Device | null;
  /** By destination. */
  readonly routes: ReadonlyMap<string, KernelRoute>;
  /** Outer address by MAC: nodes of one MAC have one entry. */
  readonly fdb: ReadonlyMap<string, string>;
  /** MAC by tunnel address. */
  readonly neighbours: ReadonlyMap<string, string>;
  /** Outer addresses that may send VXLAN. */
  readonly sources: readonly string[];
  /** What leaves these for anything but `pools` is source-NATed. */
  readonly masqueraded: readonly string[];
  readonly pools: readonly string[];
}

export type KernelState = Readonly<Record<Family, FamilyState>>;

export const UNDERLAY = "eth0";
const DEVICES = { 4: "vxlan.calico", 6: "vxlan-v6.calico" } as const;

interface Endpoint {
  readonly node: string;
  readonly address: string;
  readonly mac: string;
  readonly outer: string;
}

export function kernelPlan(outcome: Outcome, hostname: string): KernelState {
  return { 4: familyPlan(outcome, hostname, 4), 6: familyPlan(outcome, hostname, 6) };
}

function familyPlan(outcome: Outcome, hostname: string, family: Family): FamilyState {
  const all = endpoints(outcome, family);
  const own = all.find(({ node }) => node === hostname);
  const remote = all.filter(({ node }) => node !== hostname);
  const pools = Object.values(outcome.pools)
    .map((pool) => pool as { readonly cidr: string; readonly masquerade?: boolean })
    .filter(({ cidr }) => isOf(cidr, family));
  const name = DEVICES[family];
  return {
    device:
      own === undefined ? null : { name, address: own.address, mac: own.mac, local: own.outer },
    routes: own === undefined ? new Map() : routes(outcome, family, remote),
    fdb: new Map(remote.map(({ mac, outer }) => [mac, outer])),
    neighbours: new Map(remote.map(({ mac, address }) => [address, mac])),
    sources: remote.map(({ outer }) => outer).toSorted(),
    masqueraded: pools
      .filter(({ masquerade }) => masquerade)
      .map(({ cidr }) => cidr)
      .toSorted(),
    pools: pools.map(({ cidr }) => cidr).toSorted(),
  };
}

function endpoints({ vteps }: Outcome, family: Family): Endpoint[] {
  const names =
    family === 4
      ? (["ipv4_addr", "mac", "parent_device_ip"] as const)
      : (["ipv6_addr", "mac_v6", "parent_device_ipv6"] as const);
  return vteps.flatMap((vtep) => {
    const [address, mac, outer] = names.map((name) => vtep[name]);
    return typeof address === "string" && typeof mac === "string" && typeof outer === "string"
      ? [{ node: String(vtep["node"]), address, mac, outer }]
      : [];
  });
}

function routes(
  outcome: Outcome,
  family: Family,
  remote: readonly Endpoint[],
): Map<string, KernelRoute> {
  const found = new Map<string, KernelRoute>();
  for (const route of outcome.routes) {
    const destination = String(route["dst"]);
    const endpoint = remote.find(({ node }) => node === route["dst_node_name"]);
    if (endpoint === undefined || !isOf(destination, family)) continue;
    if (route["ip_pool_type"] !== "VXLAN") continue;
    const types = String(route["types"]).split("|");
    const device = DEVICES[family];
    if (types.includes("REMOTE_TUNNEL")) {
      if (route["borrowed"] === true) found.set(destination, { via: null, device });
    } else if (types.includes("REMOTE_WORKLOAD"))
      found.set(
        destination,
        route["same_subnet"] === true
          ? { via: endpoint.outer, device: UNDERLAY }
          : { via: endpoint.address, device },
      );
  }
  return found;
}

function isOf(cidr: string, family: Family): boolean {
  return cidr.includes(":") === (family === 6);
}
