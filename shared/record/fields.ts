/**
 * Field codecs: how one field of a record looks in the canonical encoding, what it must satisfy,
 * and its default. The limits are those of Calico's validators where they have one (a value past
 * them is dropped by Felix, or worse), else a bound of ours.
 */
import { quote } from "../lib/quote.ts";
import { entries, fail, isWithin, limited, listOf, wellFormed } from "./field-codec.ts";
import type { FieldCodec } from "./field-codec.ts";
import { portList } from "./port-list.ts";
import type { EndpointPort, Labels } from "./record.ts";
import { FieldError } from "./wire-reader.ts";
import { Words } from "./words.ts";

const PORT_NAME = /^[A-Za-z0-9_.-]{1,128}$/;
const LABEL_KEY = /^[A-Za-z0-9_./-]{1,512}$/;

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

/** Adds a label's key to the fault of its value. */
function ofKey<A, T>(key: string, act: (argument: A) => T, argument: A): T {
  try {
    return act(argument);
  } catch (error) {
    if (error instanceof FieldError) error.message = `value of ${key} ${error.message}`;
    throw error;
  }
}

/** Datastores have most labels in order, and to look is cheaper than to sort. */
function sortedKeys(labels: Labels): readonly string[] {
  const keys = Object.keys(labels);
  for (let i = 1; i < keys.length; i++)
    if ((keys[i - 1] as string) > (keys[i] as string)) return keys.toSorted();
  return keys;
}

/** Sorted by key, flat on the wire: key, value, key, value … */
export function labels(max: number): FieldCodec<Labels> {
  return {
    encode: (value) => {
      const flat: string[] = [];
      for (const key of sortedKeys(value))
        flat.push(wellFormed(key), ofKey(key, wellFormed, value[key] ?? ""));
      return flat;
    },
    check: (_value, flat: readonly string[]) => {
      limited(flat.length, 2 * max);
      for (let i = 0; i < flat.length; i += 2) {
        const key = labelKeys.check(flat[i] as string);
        ofKey(key, labelValues.check, flat[i + 1] as string);
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
        decoded[key] = ofKey(key, (value) => labelValues.read(value), wire);
      }
      return decoded;
    },
    fallback: {},
  };
}

const portNames = wordsLike(PORT_NAME, "name must match [A-Za-z0-9_.-]{1,128}");

/** Order and duplicates are the source's. */
export const ports: FieldCodec<readonly EndpointPort[]> = portList({ max: 256, names: portNames });

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
