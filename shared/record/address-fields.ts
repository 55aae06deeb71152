/** Fields of addresses and prefixes: bytes on the wire, canonical text in a record. */
import { formatIp, parseIp } from "../ip/address.ts";
import { formatCidr, parseCidr } from "../ip/cidr.ts";
import { bytes, fail, limited, listOf } from "./field-codec.ts";
import type { FieldCodec } from "./field-codec.ts";
import type { WireReader } from "./wire-reader.ts";

/** One address; the wire has its 4 or 16 bytes. */
export function decodeIp(wire: WireReader): string {
  return ipOf(bytes(wire));
}

function ipOf(address: Uint8Array): string {
  if (address.length !== 4 && address.length !== 16) fail("an address has 4 or 16 bytes");
  const canonical = formatIp(address);
  return canonical.startsWith("::ffff:") && parseIp(canonical)?.length === 4
    ? fail("an IPv4-mapped address must be IPv4")
    : canonical;
}

export function encodeIp(ip: string): Uint8Array {
  return parseIp(ip) ?? fail(`${JSON.stringify(ip)} is not an IP address`);
}

/** A single address or empty. */
export function optionalIp(family?: 4 | 6): FieldCodec<string> {
  return {
    encode: (value) => (value === "" ? null : encodeIp(value)),
    check: (_value, wire) => {
      if (family === undefined || !(wire instanceof Uint8Array)) return;
      if (wire.length !== (family === 6 ? 16 : 4)) fail(`must be IPv${family}`);
    },
    decode: (wire) => {
      if (wire.nil()) return "";
      const ip = decodeIp(wire);
      if (family !== undefined && ip.includes(":") !== (family === 6)) fail(`must be IPv${family}`);
      return ip;
    },
    fallback: "",
  };
}

/** An address that must be there. */
export const ipAddress: FieldCodec<string> = {
  encode: encodeIp,
  check: () => undefined,
  decode: decodeIp,
  fallback: "",
};

export function ips(max: number): FieldCodec<readonly string[]> {
  return {
    encode: (value) => value.map(encodeIp),
    check: (value) => void limited(value.length, max),
    decode: (wire) => listOf(wire, max, decodeIp),
    fallback: [],
  };
}

/** A masked prefix: bytes of the network, then the length. */
export const cidr: FieldCodec<string> = {
  encode: (value) => {
    const parsed = parseCidr(value) ?? fail(`${JSON.stringify(value)} is not a CIDR`);
    return Uint8Array.of(...parsed.address, parsed.length);
  },
  // A parsed prefix is masked.
  check: () => undefined,
  decode: (wire) => {
    const packed = bytes(wire);
    if (packed.length !== 5 && packed.length !== 17) fail("a prefix has 5 or 17 bytes");
    const text = `${formatIp(packed.subarray(0, -1))}/${packed.at(-1)}`;
    const parsed = parseCidr(text);
    return parsed !== null && formatCidr(parsed) === text ? text : fail("must be a masked prefix");
  },
  fallback: "",
};

/**
 * An address with its subnet's length, host bits kept (`172.18.0.5/16`), a bare address, or empty.
 */
export function addressInSubnet(family: 4 | 6): FieldCodec<string> {
  return {
    encode: (value) => {
      if (value === "") return null;
      const [ip = "", length] = value.split("/");
      const address = encodeIp(ip);
      return length === undefined ? address : Uint8Array.of(...address, Number(length));
    },
    check: (_value, wire) => {
      if (wire instanceof Uint8Array) checkSubnet(wire, family);
    },
    decode: (wire) => {
      if (wire.nil()) return "";
      const packed = bytes(wire);
      const { size, length } = checkSubnet(packed, family);
      const ip = ipOf(packed.subarray(0, size));
      return length === undefined ? ip : `${ip}/${length}`;
    },
    fallback: "",
  };
}

/** @returns Bytes of the address; the prefix length, where there is one. */
function checkSubnet(
  packed: Uint8Array,
  family: 4 | 6,
): { readonly size: number; readonly length: number | undefined } {
  const size = family === 4 ? 4 : 16;
  if (packed.length !== size && packed.length !== size + 1) fail(`must be an IPv${family} address`);
  const length = packed[size];
  if (length !== undefined && length > size * 8) fail("prefix length too large");
  return { size, length };
}
