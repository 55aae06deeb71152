/**
 * Field codecs: how one field of a record looks in the canonical encoding, what it must satisfy, and its default. The limits are those of
 * Calico's validators where they have one (a value past them is dropped by Felix, or worse: typha-contract 10.4), else a bound of ours.
 */
import { quote } from "../lib/quote.ts";
import { formatIp, parseIp } from "../ip/address.ts";
import { formatCidr, parseCidr } from "../ip/cidr.ts";
import type { EndpointPort, Labels } from "./record.ts";

/** Thrown by codecs, caught in `decode.ts`/`check.ts`: an expected outcome there. */
export class FieldError extends Error {}

export interface FieldCodec<T> {
  /** Wire form of a valid value. */
  encode(value: T): unknown;
  /** Checks a decoded wire form, which must be the only one of its value. @throws FieldError with the rule that it breaks. */
  decode(wire: unknown): T;
  readonly fallback: T;
}

const PORT_NAME = /^[A-Za-z0-9_.-]{1,128}$/;
const LABEL_KEY = /^[A-Za-z0-9_./-]{1,512}$/;
const LONE_SURROGATE = /[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/;
const PROTOCOLS = ["tcp", "udp", "sctp"] as const;

function fail(rule: string): never {
  throw new FieldError(rule);
}

/** Text that matches a pattern. The empty default is allowed only where the pattern allows it. */
export function text(pattern: RegExp, rule: string, fallback = ""): FieldCodec<string> {
  return {
    encode: (value) => value,
    decode: (wire) => {
      if (typeof wire !== "string") fail("must be text");
      return pattern.test(wire) && !LONE_SURROGATE.test(wire) ? wire : fail(rule);
    },
    fallback,
  };
}

export const flag: FieldCodec<boolean> = {
  encode: (value) => (value ? 1 : 0),
  decode: (wire) => (wire === 0 ? false : wire === 1 ? true : fail("must be 0 or 1")),
  fallback: false,
};

function list(wire: unknown, max: number): unknown[] {
  if (!Array.isArray(wire)) fail("must be a list");
  if (wire.length > max) fail(`has ${wire.length} entries, the limit is ${max}`);
  return wire;
}

function bytes(wire: unknown): Uint8Array {
  return wire instanceof Uint8Array ? wire : fail("must be bytes");
}

/** One address; the wire has its 4 or 16 bytes. */
export function decodeIp(wire: unknown): string {
  const address = bytes(wire);
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
    decode: (wire) => {
      if (wire === null) return "";
      const ip = decodeIp(wire);
      if (family !== undefined && ip.includes(":") !== (family === 6)) fail(`must be IPv${family}`);
      return ip;
    },
    fallback: "",
  };
}

export function ips(max: number): FieldCodec<readonly string[]> {
  return {
    encode: (value) => value.map(encodeIp),
    decode: (wire) => list(wire, max).map(decodeIp),
    fallback: [],
  };
}

/** A masked prefix: bytes of the network, then the length. */
export const cidr: FieldCodec<string> = {
  encode: (value) => {
    const parsed = parseCidr(value) ?? fail(`${JSON.stringify(value)} is not a CIDR`);
    return Uint8Array.of(...parsed.address, parsed.length);
  },
  decode: (wire) => {
    const packed = bytes(wire);
    if (packed.length !== 5 && packed.length !== 17) fail("a prefix has 5 or 17 bytes");
    const text = `${formatIp(packed.subarray(0, -1))}/${packed.at(-1)}`;
    const parsed = parseCidr(text);
    return parsed !== null && formatCidr(parsed) === text ? text : fail("must be a masked prefix");
  },
  fallback: "",
};

/** An address with its subnet's length, host bits kept (`172.18.0.5/16`), a bare address, or empty. */
export function addressInSubnet(family: 4 | 6): FieldCodec<string> {
  return {
    encode: (value) => {
      if (value === "") return null;
      const [ip = "", length] = value.split("/");
      const address = encodeIp(ip);
      return length === undefined ? address : Uint8Array.of(...address, Number(length));
    },
    decode: (wire) => {
      if (wire === null) return "";
      const packed = bytes(wire);
      const size = family === 4 ? 4 : 16;
      if (packed.length !== size && packed.length !== size + 1)
        fail(`must be an IPv${family} address`);
      const ip = decodeIp(packed.subarray(0, size));
      if (packed.length === size) return ip;
      const length = packed[size] ?? 0;
      return length <= size * 8 ? `${ip}/${length}` : fail("prefix length too large");
    },
    fallback: "",
  };
}

export function texts(pattern: RegExp, rule: string, max: number): FieldCodec<readonly string[]> {
  const one = text(pattern, rule);
  return {
    encode: (value) => value,
    decode: (wire) => list(wire, max).map((entry) => one.decode(entry)),
    fallback: [],
  };
}

/** Sorted by key, flat on the wire: key, value, key, value … */
export function labels(max: number): FieldCodec<Labels> {
  return {
    encode: (value) =>
      Object.keys(value)
        .toSorted()
        .flatMap((key) => [key, value[key] ?? ""]),
    decode: (wire) => {
      const flat = list(wire, 2 * max);
      if (flat.length % 2 !== 0) fail("must have a value for every key");
      // No key is `__proto__`, the only one that would be set otherwise.
      const decoded: Record<string, string> = {};
      let before = "";
      for (let i = 0; i < flat.length; i += 2) {
        const [key, value] = [flat[i], flat[i + 1]];
        if (typeof key !== "string" || !LABEL_KEY.test(key) || key === "__proto__")
          fail(`key ${quote(key)} must match [A-Za-z0-9_./-]{1,512}`);
        if (typeof value !== "string" || value.length > 1024 || LONE_SURROGATE.test(value))
          fail(`value of ${key} must be text of at most 1,024 characters`);
        if (key <= before) fail("keys must ascend");
        before = key;
        decoded[key] = value;
      }
      return decoded;
    },
    fallback: {},
  };
}

/** Flat on the wire: name, protocol number, port … Order and duplicates are the source's. */
export const ports: FieldCodec<readonly EndpointPort[]> = {
  encode: (value) => value.flatMap((p) => [p.name, PROTOCOLS.indexOf(p.protocol), p.port]),
  decode: (wire) => {
    const flat = list(wire, 3 * 256);
    if (flat.length % 3 !== 0) fail("must have name, protocol and port for each");
    const decoded: EndpointPort[] = [];
    for (let i = 0; i < flat.length; i += 3) {
      const [name, number, port] = [flat[i], flat[i + 1], flat[i + 2]];
      const protocol = typeof number === "number" ? PROTOCOLS[number] : undefined;
      if (typeof name !== "string" || !PORT_NAME.test(name))
        fail("name must match [A-Za-z0-9_.-]{1,128}");
      if (protocol === undefined) fail("protocol must be tcp, udp or sctp");
      if (typeof port !== "number" || !Number.isInteger(port) || port < 1 || port > 65535)
        fail("port must be 1 to 65535");
      decoded.push({ name, protocol, port });
    }
    return decoded;
  },
  fallback: [],
};

/** Ascending ordinals and the borrowing node, flat on the wire. */
export const borrowed: FieldCodec<readonly { readonly ordinal: number; readonly node: string }[]> =
  {
    encode: (value) => value.flatMap((b) => [b.ordinal, b.node]),
    decode: (wire) => {
      const flat = list(wire, 2 * 65536);
      if (flat.length % 2 !== 0) fail("must have a node for every ordinal");
      const decoded: { ordinal: number; node: string }[] = [];
      for (let i = 0; i < flat.length; i += 2) {
        const [ordinal, node] = [flat[i], flat[i + 1]];
        if (
          typeof ordinal !== "number" ||
          !Number.isInteger(ordinal) ||
          ordinal < 0 ||
          ordinal > 65535
        )
          fail("ordinal must be 0 to 65535");
        if (ordinal <= (decoded.at(-1)?.ordinal ?? -1)) fail("ordinals must ascend");
        if (typeof node !== "string" || !NODE_NAME.test(node)) fail(NODE_NAME_RULE);
        decoded.push({ ordinal, node });
      }
      return decoded;
    },
    fallback: [],
  };

export const NODE_NAME = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/;
export const NODE_NAME_RULE = "must be a lower-case DNS-1123 name of at most 253 characters";
