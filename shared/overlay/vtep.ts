/**
 * The VXLAN tunnel endpoint of a node, as Felix makes it of the node's record: outer address,
 * tunnel address, MAC. What a Felix would not bear (an address that is none, a multicast MAC) is no
 * endpoint, and says why. Source: calico v3.32.1 felix/calc/vxlan_resolver.go. [OVL3]
 */
import { parseIp } from "../ip/address.ts";
import { isSpecialAddress } from "../ip/special.ts";
import { toHex } from "../lib/bytes.ts";
import { sha1 } from "../lib/sha1.ts";
import type { Node } from "../record/record.ts";

export type Family = 4 | 6;
export const FAMILIES: readonly Family[] = [4, 6];

export interface Vtep {
  readonly node: string;
  readonly family: Family;
  /** Address of the node, without its subnet: where encapsulated packets go. */
  readonly outer: string;
  /** Address inside the tunnel: the next hop of routes. */
  readonly address: string;
  /** Lower-case, six bytes. */
  readonly mac: string;
}

/** `null`: the node takes no part in this family. */
export type VtepOf = Vtep | { readonly reason: string } | null;

export function vtepOf(node: Node, family: Family): VtepOf {
  const isV4 = family === 4;
  const address = isV4 ? node.ipv4VXLANTunnelAddr : node.ipv6VXLANTunnelAddr;
  const outer = (isV4 ? node.ipv4Address : node.ipv6Address).split("/")[0] ?? "";
  if (address === "" && outer === "") return null;
  if (address === "") return { reason: `node ${node.name} has no IPv${family} tunnel address` };
  if (outer === "") return { reason: `node ${node.name} has no IPv${family} address of its own` };
  for (const text of [address, outer])
    if (!isUsable(text, family))
      return { reason: `node ${node.name}: ${text} is no IPv${family} address of a node` };
  const mac = macOf(node, family);
  if (!isUnicastMac(mac))
    return { reason: `node ${node.name}: ${mac} is no MAC address of one node` };
  return { node: node.name, family, outer, address, mac };
}

/** The MAC of the node's tunnel device: its own, or the one that Felix derives from its name. */
export function macOf(node: Node, family: Family): string {
  const own = family === 4 ? node.vxlanTunnelMACAddr : node.vxlanTunnelMACAddrV6;
  return own === "" ? derivedMac(node.name, family) : own;
}

/** 0x66, and the first five bytes of SHA-1 over the name; for IPv6 over the name and `-v6`. */
export function derivedMac(name: string, family: Family): string {
  const digest = sha1(new TextEncoder().encode(family === 4 ? name : `${name}-v6`));
  return `66${toHex(digest.subarray(0, 5))}`.replaceAll(/(..)(?=.)/g, "$1:");
}

function isUsable(text: string, family: Family): boolean {
  const address = parseIp(text);
  return (
    address !== null && address.length === (family === 4 ? 4 : 16) && !isSpecialAddress(address)
  );
}

/** The lowest bit of the first byte says that many are meant. */
export function isUnicastMac(mac: string): boolean {
  return (
    /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/.test(mac) &&
    mac !== "00:00:00:00:00:00" &&
    (Number.parseInt(mac.slice(0, 2), 16) & 1) === 0
  );
}
