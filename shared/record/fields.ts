/**
 * Field codecs: how one field of a record looks in the canonical encoding, what it must satisfy, and its default. The limits are those of
 * Calico's validators where they have one (a value past them is dropped by Felix, or worse: typha-contract 10.4), else a bound of ours.
 */
import { quote } from "../lib/quote.ts";
import { formatIp, parseIp } from "../ip/address.ts";
import { formatCidr, parseCidr } from "../ip/cidr.ts";
import type { EndpointPort, Labels } from "./record.ts";
import { FieldError } from "./wire-reader.ts";
import type { WireReader } from "./wire-reader.ts";
import { Words } from "./words.ts";

export interface FieldCodec<T> {
  /** Wire form of a valid value. @throws FieldError where there is none. */
  encode(value: T): unknown;
  /**
   * Checks a value together with its wire form: what passes is what `decode` takes, so that a record
   * need not be decoded to be checked. @throws FieldError with the rule that it breaks.
   */
  check(value: T, wire: unknown): void;
  /** Reads and checks a wire form, which must be the only one of its value. @throws FieldError with the rule that it breaks. */
  decode(wire: WireReader): T;
  readonly fallback: T;
}

const PORT_NAME = /^[A-Za-z0-9_.-]{1,128}$/;
const LABEL_KEY = /^[A-Za-z0-9_./-]{1,512}$/;
const PROTOCOLS = ["tcp", "udp", "sctp"] as const;

function fail(rule: string): never {
  throw new FieldError(rule);
}

/** A lone surrogate has no UTF-8: another text would arrive. */
function wellFormed(text: string): string {
  return text.isWellFormed() ? text : fail("must be well-formed Unicode");
}

function wordsLike(pattern: RegExp, rule: string): Words {
  return new Words((text) => (pattern.test(text) ? text : fail(rule)));
}

/** Text that matches a pattern. The empty default is allowed only where the pattern allows it. */
export function text(pattern: RegExp, rule: string, fallback = ""): FieldCodec<string> {
  const words = wordsLike(pattern, rule);
  return {
    encode: wellFormed,
    check: (value) => void words.check(value),
    decode: (wire) => words.read(wire),
    fallback,
  };
}

export const flag: FieldCodec<boolean> = {
  encode: (value) => (value ? 1 : 0),
  check: () => undefined,
  decode: (wire) => {
    const value = wire.uint();
    return value === 0 || value === 1 ? value === 1 : fail("must be 0 or 1");
  },
  fallback: false,
};

/** The number of entries of the list that is next. */
function entries(wire: WireReader, max: number): number {
  const count = wire.list();
  if (count < 0) fail("must be a list");
  return limited(count, max);
}

function limited(count: number, max: number): number {
  return count <= max ? count : fail(`has ${count} entries, the limit is ${max}`);
}

function isWithin(value: number, min: number, max: number): boolean {
  return Number.isInteger(value) && value >= min && value <= max;
}

function listOf<T>(wire: WireReader, max: number, one: (wire: WireReader) => T): readonly T[] {
  const count = entries(wire, max);
  const list: T[] = [];
  for (let i = 0; i < count; i++) list.push(one(wire));
  return list;
}

function bytes(wire: WireReader): Uint8Array {
  const length = wire.byteString();
  return length < 0 ? fail("must be bytes") : wire.takeBytes(length);
}

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

/** An address with its subnet's length, host bits kept (`172.18.0.5/16`), a bare address, or empty. */
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

export function texts(pattern: RegExp, rule: string, max: number): FieldCodec<readonly string[]> {
  const words = wordsLike(pattern, rule);
  return {
    encode: (value) => value.map(wellFormed),
    check: (value) => {
      limited(value.length, max);
      for (const entry of value) words.check(entry);
    },
    decode: (wire) => listOf(wire, max, (entry) => words.read(entry)),
    fallback: [],
  };
}

/** No key is `__proto__`, the only one that would not be set as others are. */
const labelKeys = new Words((key) =>
  LABEL_KEY.test(key) && key !== "__proto__"
    ? key
    : fail(`key ${quote(key)} must match [A-Za-z0-9_./-]{1,512}`),
);
const labelValues = new Words((value) =>
  value.length <= 1_024 ? value : fail("must have at most 1,024 characters"),
);

/** What is wrong with a value is said with its key. */
function ofKey<T>(key: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    if (error instanceof FieldError) error.message = `value of ${key} ${error.message}`;
    throw error;
  }
}

/** Sorted by key, flat on the wire: key, value, key, value … */
export function labels(max: number): FieldCodec<Labels> {
  return {
    encode: (value) =>
      Object.keys(value)
        .toSorted()
        .flatMap((key) => [wellFormed(key), ofKey(key, () => wellFormed(value[key] ?? ""))]),
    check: (value) => {
      const keys = Object.keys(value).toSorted();
      limited(2 * keys.length, 2 * max);
      for (const key of keys) {
        labelKeys.check(key);
        ofKey(key, () => labelValues.check(value[key] ?? ""));
      }
    },
    decode: (wire) => {
      const count = entries(wire, 2 * max);
      if (count % 2 !== 0) fail("must have a value for every key");
      const decoded: Record<string, string> = {};
      let before = "";
      for (let i = 0; i < count; i += 2) {
        const key = labelKeys.read(wire);
        if (key <= before) fail("keys must ascend");
        before = key;
        decoded[key] = ofKey(key, () => labelValues.read(wire));
      }
      return decoded;
    },
    fallback: {},
  };
}

const WRONG_PROTOCOL = "protocol must be tcp, udp or sctp";
const WRONG_PORT = "port must be 1 to 65535";
const portNames = wordsLike(PORT_NAME, "name must match [A-Za-z0-9_.-]{1,128}");

/** Flat on the wire: name, protocol number, port … Order and duplicates are the source's. */
export const ports: FieldCodec<readonly EndpointPort[]> = {
  encode: (value) =>
    value.flatMap((p) => [wellFormed(p.name), PROTOCOLS.indexOf(p.protocol), p.port]),
  check: (value) => {
    limited(3 * value.length, 3 * 256);
    for (const { name, protocol, port } of value) {
      portNames.check(name);
      if (!PROTOCOLS.includes(protocol)) fail(WRONG_PROTOCOL);
      if (!isWithin(port, 1, 65_535)) fail(WRONG_PORT);
    }
  },
  decode: (wire) => {
    const count = entries(wire, 3 * 256);
    if (count % 3 !== 0) fail("must have name, protocol and port for each");
    const decoded: EndpointPort[] = [];
    for (let i = 0; i < count; i += 3) {
      const name = portNames.read(wire);
      const protocol = PROTOCOLS[wire.uint()];
      if (protocol === undefined) fail(WRONG_PROTOCOL);
      const port = wire.uint();
      if (port < 1) fail(WRONG_PORT);
      decoded.push({ name, protocol, port });
    }
    return decoded;
  },
  fallback: [],
};

export const NODE_NAME = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/;
export const NODE_NAME_RULE = "must be a lower-case DNS-1123 name of at most 253 characters";
const nodeNames = wordsLike(NODE_NAME, NODE_NAME_RULE);

/** Ascending ordinals and the borrowing node, flat on the wire. */
export const borrowed: FieldCodec<readonly { readonly ordinal: number; readonly node: string }[]> =
  {
    encode: (value) => value.flatMap((b) => [b.ordinal, wellFormed(b.node)]),
    check: (value) => {
      limited(2 * value.length, 2 * 65_536);
      let before = -1;
      for (const { ordinal, node } of value) {
        if (!isWithin(ordinal, 0, 65_535)) fail("ordinal must be 0 to 65535");
        if (ordinal <= before) fail("ordinals must ascend");
        before = ordinal;
        nodeNames.check(node);
      }
    },
    decode: (wire) => {
      const count = entries(wire, 2 * 65536);
      if (count % 2 !== 0) fail("must have a node for every ordinal");
      const decoded: { ordinal: number; node: string }[] = [];
      let before = -1;
      for (let i = 0; i < count; i += 2) {
        const ordinal = wire.uint();
        if (ordinal < 0) fail("ordinal must be 0 to 65535");
        if (ordinal <= before) fail("ordinals must ascend");
        before = ordinal;
        decoded.push({ ordinal, node: nodeNames.read(wire) });
      }
      return decoded;
    },
    fallback: [],
  };
