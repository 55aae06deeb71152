/** Addresses that are somebody's on the Internet. */
import { parseIp } from "./address.ts";
import { RangeSet } from "./range-set.ts";

/** Of the IANA registries of special-purpose addresses: those that are not globally reachable. */
const SPECIAL = new RangeSet(
  [
    "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12",
    "192.0.0.0/24 192.0.2.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24",
    "203.0.113.0/24 224.0.0.0/3 ::/127 64:ff9b:1::/48 100::/64 2001:db8::/32 fc00::/7",
    "fe80::/10 ff00::/8",
  ]
    .join(" ")
    .split(" "),
);

/**
 * @param host A name or an address without brackets. A name may resolve to anything; those that
 *   only resolve on a machine or in its network are none.
 */
export function isPublicHost(host: string): boolean {
  const address = parseIp(host);
  if (address !== null) return !SPECIAL.has(address);
  const name = host.toLowerCase().replace(/\.$/, "");
  return name.includes(".") && !/(^|\.)(localhost|local|internal|home\.arpa)$/.test(name);
}
