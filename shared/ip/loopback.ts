/** Hosts that only the machine itself reaches. */
import { parseIp } from "./address.ts";

/** @param host A name or an address, IPv6 with or without brackets. */
export function isLoopbackHost(host: string): boolean {
  const bare = /^\[(.*)\]$/.exec(host)?.[1] ?? host;
  if (bare.toLowerCase() === "localhost") return true;
  const ip = parseIp(bare);
  if (ip === null) return false;
  return ip.length === 4 ? ip[0] === 127 : ip.every((byte, i) => byte === (i === 15 ? 1 : 0));
}
