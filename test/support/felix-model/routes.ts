/**
 * Routes, tunnel endpoints and encapsulation, as Felix works them out of pools, blocks, nodes and
 * tunnel addresses. Routes exist only where a kind of encapsulation is on.
 */
import { createHash } from "node:crypto";

import { addressAt, netHas, readIp, readNet } from "./addresses.ts";
import type { Net } from "./addresses.ts";
import type { Objects } from "./objects.ts";
import type { FelixValues } from "./shapes.ts";

export type Fields = Readonly<Record<string, string | boolean>>;

/** Felix computes these once at its start, and ends itself when they change. */
export interface Encapsulation {
  readonly ipip: boolean;
  readonly vxlan: boolean;
  readonly vxlanV6: boolean;
  /** Counted since 3.33, where Felix programs its cluster's routes. */
  readonly noEncap: boolean;
}

export function encapsulationOf(objects: Objects): Encapsulation {
  const setting = (name: string) =>
    objects.get<"GlobalConfig">({ kind: "GlobalConfig", name })?.toLowerCase();
  const forced = (name: string) => {
    const value = setting(name);
    return value === undefined ? undefined : value === "true";
  };
  const pools = [...objects.of("IPPool")];
  const is6 = (net: Net) => net.address.includes(":");
  return {
    ipip: forced("IpInIpEnabled") ?? pools.some(([, pool]) => pool.ipip_mode !== ""),
    // The family is that of the key, whatever the value says.
    vxlan:
      forced("VXLANEnabled") ??
      pools.some(([{ net }, pool]) => pool.vxlan_mode !== "" && !is6(net)),
    vxlanV6: pools.some(([{ net }, pool]) => pool.vxlan_mode !== "" && is6(net)),
    noEncap: pools.some(([, pool]) => pool.vxlan_mode === "" && pool.ipip_mode === ""),
  };
}

export function encapsulationFields(encapsulation: Encapsulation): Fields {
  return {
    ...(encapsulation.ipip ? { ipip_enabled: true } : {}),
    ...(encapsulation.vxlan ? { vxlan_enabled: true } : {}),
    ...(encapsulation.vxlanV6 ? { vxlan_enabled_v6: true } : {}),
  };
}

/** In the order of their bits. */
const TYPES = [
  "CIDR_INFO",
  "REMOTE_HOST",
  "LOCAL_HOST",
  "REMOTE_WORKLOAD",
  "LOCAL_WORKLOAD",
  "REMOTE_TUNNEL",
  "LOCAL_TUNNEL",
] as const;

interface NodeAddresses {
  /** Of the BGP spec, else an internal or external address. */
  readonly ip: { readonly 4: string | null; readonly 6: string | null };
  readonly subnet: Net | null;
  readonly tunnels: readonly string[];
}

interface Claim {
  readonly net: Net;
  readonly types: (typeof TYPES)[number][];
  node: string | null;
  isBorrowed: boolean;
  isLocalWorkload: boolean;
}

export function routesOf(objects: Objects, hostname: string): Fields[] {
  const on = encapsulationOf(objects);
  if (!on.ipip && !on.vxlan && !on.vxlanV6) return [];
  const nodes = new Map(
    [...objects.of("Node")].map(([{ name }, node]) => [name, addressesOf(node)]),
  );
  const pools = [...objects.of("IPPool")].map(([, pool]) => pool);
  const claims = claimsOf(objects, hostname, nodes, pools);
  return [...claims.values()]
    .map((claim) => routeOf(claim, hostname, nodes, pools))
    .toSorted((a, b) => (String(a["dst"]) < String(b["dst"]) ? -1 : 1));
}

function claimsOf(
  objects: Objects,
  hostname: string,
  nodes: ReadonlyMap<string, NodeAddresses>,
  pools: readonly FelixValues["IPPool"][],
): Map<string, Claim> {
  const claims = new Map<string, Claim>();
  const claim = (net: Net, type: (typeof TYPES)[number], node: string | null): Claim => {
    const one = claims.get(net.text) ?? {
      net,
      types: [],
      node,
      isBorrowed: false,
      isLocalWorkload: false,
    };
    claims.set(net.text, one);
    if (!one.types.includes(type)) one.types.push(type);
    one.node = node ?? one.node;
    return one;
  };
  const side = (node: string) => (node === hostname ? ("LOCAL" as const) : ("REMOTE" as const));
  for (const pool of pools) if (poolType(pool) !== null) claim(pool.cidr, "CIDR_INFO", null);
  for (const [, block] of objects.of("Block")) {
    const owner = /^[^:]+:(.+)$/.exec(block.affinity ?? "")?.[1] ?? null;
    if (owner !== null) claim(block.cidr, `${side(owner)}_WORKLOAD`, owner);
    for (const [ordinal, index] of block.allocations.entries()) {
      const user =
        index === null ? undefined : block.attributes[Number(index)]?.secondary.get("node");
      if (user === undefined || user === owner) continue;
      const net = hostNet(addressAt(block.cidr, ordinal));
      // A route keeps the type that its block gives it, beside that of its own node.
      if (owner !== null) claim(net, `${side(owner)}_WORKLOAD`, owner).isBorrowed = true;
      claim(net, `${side(user)}_WORKLOAD`, user);
    }
  }
  for (const [name, { ip, tunnels }] of nodes) {
    for (const address of [ip[4], ip[6]])
      if (address !== null) claim(hostNet(address), `${side(name)}_HOST`, name);
    for (const address of tunnels) claim(hostNet(address), `${side(name)}_TUNNEL`, name);
  }
  for (const [{ host }, endpoint] of objects.of("WorkloadEndpoint"))
    if (host === hostname)
      for (const net of [...endpoint.ipv4_nets, ...endpoint.ipv6_nets])
        claim(hostNet(net.ip), "LOCAL_WORKLOAD", host).isLocalWorkload = true;
  return claims;
}

function routeOf(
  { net, types, node, isBorrowed, isLocalWorkload }: Claim,
  hostname: string,
  nodes: ReadonlyMap<string, NodeAddresses>,
  pools: readonly FelixValues["IPPool"][],
): Fields {
  const pool = pools
    .filter(({ cidr }) => cidr.length <= net.length && netHas(cidr, net.address))
    .toSorted((a, b) => b.cidr.length - a.cidr.length)[0];
  const nodeIp =
    node === null ? null : (nodes.get(node)?.ip[net.address.includes(":") ? 6 : 4] ?? null);
  const subnet = nodes.get(hostname)?.subnet ?? null;
  const isCross = pool?.vxlan_mode === "cross-subnet" || pool?.ipip_mode === "cross-subnet";
  const isSameSubnet =
    isCross && node !== hostname && nodeIp !== null && subnet !== null && netHas(subnet, nodeIp);
  return {
    ...(isBorrowed ? { borrowed: true } : {}),
    dst: net.text,
    ...(nodeIp === null ? {} : { dst_node_ip: nodeIp }),
    ...(node === null ? {} : { dst_node_name: node }),
    ip_pool_type: pool === undefined ? "NONE" : (poolType(pool) ?? "NONE"),
    ...(isLocalWorkload ? { local_workload: true } : {}),
    ...(pool?.masquerade === true ? { nat_outgoing: true } : {}),
    ...(isSameSubnet ? { same_subnet: true } : {}),
    types: TYPES.filter((type) => types.includes(type)).join("|"),
  };
}

/** Any mode that is not empty counts, also one that is none. */
function poolType(pool: FelixValues["IPPool"]): string | null {
  if (pool.allowed_uses.length === 1 && pool.allowed_uses[0] === "LoadBalancer") return "NONE";
  if (pool.vxlan_mode !== "") return "VXLAN";
  return pool.ipip_mode === "" ? "NO_ENCAP" : "IPIP";
}

function hostNet(address: string): Net {
  const length = address.includes(":") ? 128 : 32;
  return { address, length, text: `${address}/${length}`, given: address, ip: address };
}

function addressesOf({ spec }: FelixValues["Node"]): NodeAddresses {
  const listed = (is6: boolean) =>
    ["InternalIP", "ExternalIP"].flatMap((type) =>
      spec.addresses
        .filter((one) => one.type === type)
        .map(({ address }) => readIp(address))
        .filter((ip): ip is string => ip !== null && ip.includes(":") === is6),
    )[0] ?? null;
  const bgp4 = readIp((spec.bgp?.ipv4Address ?? "").split("/")[0] ?? "");
  const bgp6 = readIp((spec.bgp?.ipv6Address ?? "").split("/")[0] ?? "");
  const tunnels = [
    spec.ipv4VXLANTunnelAddr,
    spec.ipv6VXLANTunnelAddr,
    spec.bgp?.ipv4IPIPTunnelAddr ?? "",
    spec.wireguard?.interfaceIPv4Address ?? "",
    spec.wireguard?.interfaceIPv6Address ?? "",
  ].flatMap((text) => readIp(text) ?? []);
  const subnet = (spec.bgp?.ipv4Address ?? "").includes("/")
    ? readNet(spec.bgp?.ipv4Address ?? "")
    : null;
  return { ip: { 4: bgp4 ?? listed(false), 6: bgp6 ?? listed(true) }, subnet, tunnels };
}

/**
 * Tunnel endpoints: nodes with an address of their BGP spec and a tunnel address; both texts go on
 * as they are.
 */
export function vtepsOf(objects: Objects): Fields[] {
  const on = encapsulationOf(objects);
  if (!on.vxlan && !on.vxlanV6) return [];
  const vteps: Fields[] = [];
  for (const [{ name }, { spec }] of objects.of("Node")) {
    const ip4 = readIp((spec.bgp?.ipv4Address ?? "").split("/")[0] ?? "");
    const ip6 = readIp((spec.bgp?.ipv6Address ?? "").split("/")[0] ?? "");
    const tunnel4 = objects.hostConfig(name, "IPv4VXLANTunnelAddr");
    const tunnel6 = objects.hostConfig(name, "IPv6VXLANTunnelAddr");
    const has4 = ip4 !== null && tunnel4 !== undefined;
    const has6 = ip6 !== null && tunnel6 !== undefined;
    if (!has4 && !has6) continue;
    vteps.push({
      ...(has4
        ? {
            ipv4_addr: tunnel4,
            mac: objects.hostConfig(name, "VXLANTunnelMACAddr") ?? derivedMac(name),
            parent_device_ip: ip4,
          }
        : {}),
      ...(has6
        ? {
            ipv6_addr: tunnel6,
            mac_v6: objects.hostConfig(name, "VXLANTunnelMACAddrV6") ?? derivedMac(`${name}-v6`),
            parent_device_ipv6: ip6,
          }
        : {}),
      node: name,
    });
  }
  return vteps;
}

function derivedMac(name: string): string {
  const bytes = createHash("sha1").update(name).digest().subarray(0, 5);
  return ["66", ...[...bytes].map((byte) => byte.toString(16).padStart(2, "0"))].join(":");
}
