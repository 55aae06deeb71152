/** Go's texts of addresses, read with a library that the project itself does not use. */
import { isIP } from "node:net";

import ipaddr from "ipaddr.js";

export interface Net {
  /** Canonical text of the network's address. */
  readonly address: string;
  readonly length: number;
  /** `address/length`. */
  readonly text: string;
  /** As it was spelled, host bits kept. */
  readonly given: string;
  /** Its address, host bits kept. */
  readonly ip: string;
}

/**
 * Canonical text of an address, IPv4-mapped ones as IPv4; `null` for anything else (no zone, no
 * leading zeros).
 */
export function readIp(text: string): string | null {
  if (isIP(text) === 0 || text.includes("%")) return null;
  const parsed = ipaddr.process(text);
  return parsed.kind() === "ipv4" ? parsed.toString() : (parsed as ipaddr.IPv6).toRFC5952String();
}

/** A prefix, or a bare address as one. */
export function readNet(text: string): Net | null {
  const slash = text.indexOf("/");
  if (slash < 0) {
    const address = readIp(text);
    return address === null ? null : netOf(address, address.includes(":") ? 128 : 32, text);
  }
  const ip = text.slice(0, slash);
  const digits = text.slice(slash + 1);
  const address = readIp(ip);
  if (address === null || !/^\d{1,8}$/.test(digits)) return null;
  const isMapped = ip.includes(":") && !address.includes(":");
  const length = Number(digits) - (isMapped ? 96 : 0);
  if (length < 0 || length > (address.includes(":") ? 128 : 32)) return null;
  return netOf(address, length, text);
}

function netOf(address: string, length: number, given: string): Net {
  const masked = mask(address, length);
  return { address: masked, length, text: `${masked}/${length}`, given, ip: address };
}

function bytesOf(address: string): number[] {
  return ipaddr.parse(address).toByteArray();
}

function mask(address: string, length: number): string {
  const bytes = bytesOf(address).map((byte, i) => {
    const kept = Math.min(8, Math.max(0, length - 8 * i));
    return byte & (0xff00 >> kept) & 0xff;
  });
  return canonical(bytes);
}

function canonical(bytes: readonly number[]): string {
  return readIp(ipaddr.fromByteArray([...bytes]).toString()) ?? "";
}

export function netHas(net: Net, address: string): boolean {
  return (
    net.address.includes(":") === address.includes(":") && mask(address, net.length) === net.address
  );
}

/** The address `ordinal` after the network's. */
export function addressAt(net: Net, ordinal: number): string {
  const bytes = bytesOf(net.address);
  let carry = ordinal;
  for (let i = bytes.length - 1; i >= 0 && carry > 0; i--) {
    const sum = (bytes[i] ?? 0) + carry;
    bytes[i] = sum & 0xff;
    carry = Math.floor(sum / 256);
  }
  return canonical(bytes);
}

/** Go's ParseMAC: 6, 8 or 20 bytes, in pairs of digits or, between dots, in fours. */
export function isMac(text: string): boolean {
  const inPairs = /^[0-9a-f]{2}(([:-])[0-9a-f]{2})(\2[0-9a-f]{2})*$/i.test(text);
  const inFours = /^[0-9a-f]{4}(\.[0-9a-f]{4})+$/i.test(text);
  return (inPairs || inFours) && [6, 8, 20].includes(text.replace(/[:.-]/g, "").length / 2);
}
