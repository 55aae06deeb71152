/**
 * Field codecs: how one field of a record looks in the canonical encoding, what it must satisfy, and its default. The limits are those of
 * Calico's validators where they have one (a value past them is dropped by Felix, or worse: calico v3.32.1 libcalico-go/lib/validator/v3/validator.go), else a bound of ours.
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
  return { encode: wellFormed, decode: (wire) => words.read(wire), fallback };
}

export const flag: FieldCodec<boolean> = {
  encode: (value) => (value ? 1 : 0),
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
  return count <= max ? count : fail(`has ${count} entries, the limit is ${max}`);
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
      if (wire.nil()) return "";
      const packed = bytes(wire);
      const size = family === 4 ? 4 : 16;
      if (packed.length !== size && packed.length !== size + 1)
        fail(`must be an IPv${family} address`);
      const ip = ipOf(packed.subarray(0, size));
      if (packed.length === size) return ip;
      const length = packed[size] ?? 0;
      return length <= size * 8 ? `${ip}/${length}` : fail("prefix length too large");
    },
    fallback: "",
  };
}

export function texts(pattern: RegExp, rule: string, max: number): FieldCodec<readonly string[]> {
  const words = wordsLike(pattern, rule);
  return {
    encode: (value) => value.map(wellFormed),
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

const portNames = wordsLike(PORT_NAME, "name must match [A-Za-z0-9_.-]{1,128}");

/** Flat on the wire: name, protocol number, port … Order and duplicates are the source's. */
export const ports: FieldCodec<readonly EndpointPort[]> = {
  encode: (value) =>
    value.flatMap((p) => [wellFormed(p.name), PROTOCOLS.indexOf(p.protocol), p.port]),
  decode: (wire) => {
    const count = entries(wire, 3 * 256);
    if (count % 3 !== 0) fail("must have name, protocol and port for each");
    const decoded: EndpointPort[] = [];
    for (let i = 0; i < count; i += 3) {
      const name = portNames.read(wire);
      const protocol = PROTOCOLS[wire.uint()];
      if (protocol === undefined) fail("protocol must be tcp, udp or sctp");
      const port = wire.uint();
      if (port < 1) fail("port must be 1 to 65535");
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
