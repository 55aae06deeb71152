/** Prefixes: network bytes and a length. Canonical text is masked (`10.65.0.0/26`). [IP2] */
import { formatIp, parseIp } from "./address.ts";

export interface Cidr {
  /** Masked network address, 4 or 16 bytes. */
  readonly address: Uint8Array;
  readonly length: number;
}

/**
 * Parses `address/length`, or a bare address as a host prefix; masks host bits. `null` for anything
 * else.
 */
export function parseCidr(text: string): Cidr | null {
  const slash = text.indexOf("/");
  const address = parseIp(slash < 0 ? text : text.slice(0, slash));
  if (address === null) return null;
  const bits = address.length * 8;
  if (slash < 0) return { address, length: bits };
  const digits = text.slice(slash + 1);
  if (!/^(0|[1-9]\d{0,2})$/.test(digits)) return null;
  // `::ffff:10.0.0.0/104` is spelled in IPv6 and meant in IPv4.
  const isMapped = address.length === 4 && text.includes(":");
  const length = Number(digits) - (isMapped ? 96 : 0);
  if (length < 0 || length > bits) return null;
  return { address: length === bits ? address : maskAddress(address, length), length };
}

export function formatCidr(cidr: Cidr): string {
  return `${formatIp(cidr.address)}/${cidr.length}`;
}

export function canonicalCidr(text: string): string | null {
  const cidr = parseCidr(text);
  return cidr === null ? null : formatCidr(cidr);
}

export function maskAddress(address: Uint8Array, length: number): Uint8Array {
  const masked = new Uint8Array(address.length);
  for (let i = 0; i < address.length; i++) {
    const keep = Math.min(8, Math.max(0, length - 8 * i));
    masked[i] = (address[i] ?? 0) & (0xff00 >> keep) & 0xff;
  }
  return masked;
}

/** Whether an address (4 or 16 bytes) lies in the prefix; never across families. */
export function cidrHas(cidr: Cidr, address: Uint8Array): boolean {
  if (cidr.address.length !== address.length) return false;
  const whole = cidr.length >> 3;
  for (let i = 0; i < whole; i++) if (cidr.address[i] !== address[i]) return false;
  const rest = cidr.length & 7;
  if (rest === 0) return true;
  const mask = (0xff00 >> rest) & 0xff;
  return ((cidr.address[whole] ?? 0) & mask) === ((address[whole] ?? 0) & mask);
}

export function cidrContains(outer: Cidr, inner: Cidr): boolean {
  return outer.length <= inner.length && cidrHas(outer, inner.address);
}

export function cidrsOverlap(a: Cidr, b: Cidr): boolean {
  return cidrContains(a, b) || cidrContains(b, a);
}
