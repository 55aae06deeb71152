/**
 * Messages as msgpack lists `[number, field, field …]`: positional, because a frame of one pod must not pay for field names. Fields after
 * the ones we know are ignored (a later version appends), missing ones are an error. Decoding is total and trusts nothing. [PRO2]
 */
import type { PartitionDigest } from "../log/partition.ts";
import { DIGEST_BYTES } from "../log/hash-trie.ts";
import { CHAIN_BYTES } from "../log/cursor.ts";
import { countValues } from "../lib/msgpack-count.ts";
import { pack, unpack } from "../lib/msgpack.ts";
import { CHANNELS } from "../record/channel.ts";
import type { Channel } from "../record/channel.ts";
import { LIMITS } from "./limits.ts";
import type { ChannelCursor, Message, ReceivedState, Settled } from "./messages.ts";

interface WireCodec<T> {
  encode(value: T): unknown;
  /** `undefined` when the wire value is not one. */
  decode(wire: unknown): T | undefined;
}

function plain<T>(accepts: (wire: unknown) => wire is T): WireCodec<T> {
  return { encode: (value) => value, decode: (wire) => (accepts(wire) ? wire : undefined) };
}

const uint = plain((w): w is number => typeof w === "number" && Number.isSafeInteger(w) && w >= 0);
const yes = plain((w): w is true => w === true);
const boolean = plain((w): w is boolean => typeof w === "boolean");
const shortText = plain((w): w is string => typeof w === "string" && w.length <= 256);
const longText = plain((w): w is string => typeof w === "string");

function bytes(size?: number): WireCodec<Uint8Array> {
  return {
    encode: (value) => value,
    decode: (wire) =>
      wire instanceof Uint8Array && (size === undefined || wire.length === size)
        ? Uint8Array.from(wire)
        : undefined,
  };
}

const channel: WireCodec<Channel> = {
  encode: (value) => CHANNELS.indexOf(value),
  decode: (wire) => (typeof wire === "number" ? CHANNELS[wire] : undefined),
};

function listOf<T>(item: WireCodec<T>, max: number): WireCodec<readonly T[]> {
  return {
    encode: (value) => value.map((entry) => item.encode(entry)),
    decode: (wire) => {
      if (!Array.isArray(wire) || wire.length > max) return undefined;
      const decoded: T[] = [];
      for (const entry of wire as unknown[]) {
        const value = item.decode(entry);
        if (value === undefined) return undefined;
        decoded.push(value);
      }
      return decoded;
    },
  };
}

type Layout<T> = readonly { [F in keyof T]-?: readonly [F, WireCodec<T[F]>] }[keyof T][];

function struct<T extends object>(layout: Layout<T>): WireCodec<T> {
  return {
    encode: (value) => layout.map(([field, codec]) => codec.encode(value[field])),
    decode: (wire) => {
      if (!Array.isArray(wire)) return undefined;
      const decoded: Partial<T> = {};
      for (const [i, [field, codec]] of layout.entries()) {
        const value = codec.decode((wire as unknown[])[i]);
        if (value === undefined) return undefined;
        decoded[field] = value;
      }
      return decoded as T;
    },
  };
}

/** A field at the end that older versions have not: absent is `null`. */
function appended<T>(codec: WireCodec<T>): WireCodec<T | null> {
  return {
    encode: (value) => (value === null ? undefined : codec.encode(value)),
    decode: (wire) => (wire === undefined ? null : codec.decode(wire)),
  };
}

const chain = bytes(CHAIN_BYTES);
const digest = bytes(DIGEST_BYTES);
const bits = plain(
  (w): w is number => typeof w === "number" && Number.isInteger(w) && w >= 0 && w <= 32,
);
const prefix = plain(
  (w): w is number => typeof w === "number" && Number.isInteger(w) && w >= 0 && w < 2 ** 32,
);
const leaves = listOf<PartitionDigest>(
  struct<PartitionDigest>([
    ["bits", bits],
    ["prefix", prefix],
    ["digest", digest],
  ]),
  LIMITS.partitions,
);
const settled = struct<Settled>([
  ["digest", digest],
  ["populated", boolean],
  ["sweep", boolean],
]);
const versions = listOf(uint, 16);
const cursors = listOf<ChannelCursor>(
  struct<ChannelCursor>([
    ["channel", channel],
    ["epoch", shortText],
    ["revision", uint],
    ["chain", chain],
  ]),
  16,
);
const received = listOf<ReceivedState>(
  struct<ReceivedState>([
    ["channel", channel],
    ["epoch", shortText],
    ["head", uint],
    ["digest", digest],
  ]),
  16,
);

type Layouts = {
  readonly [T in Message["type"]]: Layout<Omit<Extract<Message, { type: T }>, "type">>;
};

/** The order of a message's fields is its wire format. */
const LAYOUTS: Layouts = {
  "watch-hello": [
    ["versions", versions],
    ["software", shortText],
    ["accessVersion", uint],
    ["creditBytes", uint],
    ["channels", listOf(channel, 16)],
    ["cursors", cursors],
  ],
  "watch-welcome": [
    ["version", uint],
    ["originUid", shortText],
    ["accessVersion", uint],
  ],
  resume: [
    ["origin", uint],
    ["channel", channel],
    ["after", uint],
  ],
  "repair-needed": [
    ["origin", uint],
    ["channel", channel],
    ["epoch", shortText],
    ["reason", shortText],
  ],
  repair: [
    ["origin", uint],
    ["channel", channel],
    ["leaves", leaves],
  ],
  "repair-plan": [
    ["origin", uint],
    ["channel", channel],
    ["epoch", shortText],
    ["head", uint],
    ["blobs", uint],
    ["after", uint],
    ["chain", chain],
  ],
  blob: [
    ["origin", uint],
    ["channel", channel],
    ["bits", bits],
    ["prefix", prefix],
    ["revision", uint],
    ["payload", bytes()],
  ],
  frame: [
    ["origin", uint],
    ["channel", channel],
    ["revision", uint],
    ["previous", chain],
    ["payload", bytes()],
    ["settled", appended(settled)],
  ],
  checkpoint: [
    ["origin", uint],
    ["channel", channel],
    ["epoch", shortText],
    ["revision", uint],
    ["digest", digest],
    ["populated", boolean],
    ["sweep", boolean],
  ],
  "reader-ack": [
    ["origin", uint],
    ["channel", channel],
    ["revision", uint],
    ["chain", chain],
    ["receivedBytes", uint],
    ["mark", appended(uint)],
  ],
  "home-hello": [
    ["versions", versions],
    ["software", shortText],
    ["accessVersion", uint],
    ["leaseUid", shortText],
    ["term", uint],
    ["candidate", appended(shortText)],
  ],
  "home-welcome": [
    ["version", uint],
    ["term", uint],
    ["paceMs", uint],
    ["channels", received],
    ["isStandby", appended(yes)],
  ],
  reconcile: [
    ["channel", channel],
    ["leaves", leaves],
  ],
  difference: [
    ["channel", channel],
    ["bits", bits],
    ["prefix", prefix],
    ["pairs", bytes()],
    ["isLast", boolean],
  ],
  publish: [
    ["channel", channel],
    ["sequence", uint],
    ["payload", bytes()],
  ],
  accepted: [
    ["channel", channel],
    ["sequence", uint],
    ["epoch", shortText],
    ["revision", uint],
    ["refused", uint],
    ["paceMs", uint],
  ],
  reconciled: [["channel", channel]],
  access: [["facts", longText]],
  report: [
    ["edges", longText],
    ["cluster", appended(longText)],
  ],
  "catch-up": [
    ["origin", uint],
    ["channel", channel],
    ["after", uint],
    ["previous", chain],
    ["revision", uint],
    ["chain", chain],
    ["payload", bytes()],
  ],
  mark: [["token", uint]],
};

/** Position is the number on the wire: append only. */
const NUMBERS = Object.keys(LAYOUTS) as Message["type"][];

type AnyLayout = Layout<Record<string, unknown>>;

export function encodeMessage(message: Message): Uint8Array {
  const layout = LAYOUTS[message.type] as unknown as AnyLayout;
  const values = message as unknown as Readonly<Record<string, unknown>>;
  const wire = [
    NUMBERS.indexOf(message.type),
    ...layout.map(([field, codec]) => codec.encode(values[field])),
  ];
  if (wire.at(-1) === undefined) wire.pop();
  return pack(wire);
}

/** What a message of a peer may have, before it is unpacked. [PRO9] */
interface Size {
  readonly bytes: number;
  /** As `countValues` counts. */
  readonly values: number;
}

const FEW_VALUES = 32;
const SMALL: Size = { bytes: LIMITS.smallBytes, values: FEW_VALUES };
const HELLO: Size = { bytes: LIMITS.helloBytes, values: 256 };
const LARGE: Size = { bytes: LIMITS.messageBytes, values: FEW_VALUES };
const LEAVES: Size = { bytes: LIMITS.leavesBytes, values: FEW_VALUES + 4 * LIMITS.partitions };

const SIZES: Readonly<Record<Message["type"], Size>> = {
  "watch-hello": HELLO,
  "watch-welcome": HELLO,
  resume: SMALL,
  "repair-needed": HELLO,
  repair: LEAVES,
  "repair-plan": HELLO,
  blob: LARGE,
  frame: LARGE,
  checkpoint: HELLO,
  "reader-ack": SMALL,
  "home-hello": HELLO,
  "home-welcome": { bytes: LIMITS.helloBytes, values: 256 },
  reconcile: LEAVES,
  difference: LARGE,
  publish: LARGE,
  accepted: HELLO,
  reconciled: SMALL,
  access: LARGE,
  report: { bytes: LIMITS.reportBytes, values: FEW_VALUES },
  "catch-up": LARGE,
  mark: SMALL,
};

/**
 * By the head of the list and the number in it, without looking further; `null`: it is no message.
 */
export function messageTypeOf(data: Uint8Array): Message["type"] | null {
  const head = data[0] ?? 0;
  // Lists of up to 15 fields, and of more, as a later version may have.
  const at = (head & 0xf0) === 0x90 ? 1 : head === 0xdc ? 3 : null;
  return at === null ? null : (NUMBERS[data[at] ?? NUMBERS.length] ?? null);
}

/** The rule that a message breaks before it is unpacked, or `null`. */
function sizeRule(type: Message["type"], data: Uint8Array): string | null {
  const { bytes, values } = SIZES[type];
  if (data.length > bytes) return `${type} has ${data.length} bytes, the limit is ${bytes}`;
  return countValues(data, values) > values
    ? `${type} has more than ${values} values, the limit`
    : null;
}

export type DecodedMessage =
  | { readonly ok: true; readonly message: Message }
  | {
      readonly ok: false;
      readonly kind: "too-large" | "malformed";
      readonly rule: string;
    };

export function decodeMessage(data: Uint8Array): DecodedMessage {
  if (data.length > LIMITS.messageBytes)
    return {
      ok: false,
      kind: "too-large",
      rule: `message has ${data.length} bytes, the limit is ${LIMITS.messageBytes}`,
    };
  const told = messageTypeOf(data);
  const broken = told === null ? null : sizeRule(told, data);
  if (broken !== null) return { ok: false, kind: "too-large", rule: broken };
  // What is no message has to be told by name all the same, and is unpacked for that where it is
  // short.
  if (told === null && data.length > LIMITS.smallBytes)
    return {
      ok: false,
      kind: "malformed",
      rule: "message must be a msgpack list that begins with a known number",
    };
  const unpacked = unpack(data);
  if (!unpacked.ok || !Array.isArray(unpacked.value))
    return { ok: false, kind: "malformed", rule: "message must be a msgpack list" };
  const [number, ...wire] = unpacked.value as unknown[];
  const type = typeof number === "number" ? NUMBERS[number] : undefined;
  if (type === undefined)
    return {
      ok: false,
      kind: "malformed",
      rule: `unknown message number ${String(number).slice(0, 20)}`,
    };
  const message: Record<string, unknown> = { type };
  for (const [i, [field, codec]] of (LAYOUTS[type] as unknown as AnyLayout).entries()) {
    const value = codec.decode(wire[i]);
    if (value === undefined)
      return {
        ok: false,
        kind: "malformed",
        rule: `${type}: field ${field} is missing or malformed`,
      };
    message[field] = value;
  }
  return { ok: true, message: message as unknown as Message };
}
