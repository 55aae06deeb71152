/** The fields of every message, in their order on the wire: append only. */
import { CHAIN_BYTES } from "../log/cursor.ts";
import { DIGEST_BYTES } from "../log/hash-trie.ts";
import type { PartitionDigest } from "../log/partition.ts";
import { LIMITS } from "./limits.ts";
import type { Head } from "./head-messages.ts";
import type { ChannelCursor, Message, ReceivedState, Settled } from "./messages.ts";
import {
  appended,
  boolean,
  bytes,
  channel,
  listOf,
  longText,
  optional,
  plain,
  shortText,
  struct,
  uint,
  yes,
} from "./wire-codecs.ts";
import type { Layout, WireCodec } from "./wire-codecs.ts";

const chain = bytes(CHAIN_BYTES);
const digest = bytes(DIGEST_BYTES);
const bits = plain(
  (w): w is number => typeof w === "number" && Number.isInteger(w) && w >= 0 && w <= 32,
);
const prefix = plain(
  (w): w is number => typeof w === "number" && Number.isInteger(w) && w >= 0 && w < 2 ** 32,
);
/** As a `struct` of the three would have it, in half the time: a message has thousands. */
const leaf: WireCodec<PartitionDigest> = {
  encode: (value) => [value.bits, value.prefix, value.digest],
  decode: (wire) => {
    if (!Array.isArray(wire)) return undefined;
    const [ofBits, ofPrefix, ofDigest] = wire as unknown[];
    const [b, p, d] = [bits.decode(ofBits), prefix.decode(ofPrefix), digest.decode(ofDigest)];
    return b === undefined || p === undefined || d === undefined
      ? undefined
      : { bits: b, prefix: p, digest: d };
  },
};
const leaves = listOf<PartitionDigest>(leaf, LIMITS.partitions);
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
const heads = listOf<Head>(
  struct<Head>([
    ["channel", channel],
    ["epoch", shortText],
    ["revision", uint],
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
export const LAYOUTS: Layouts = {
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
    ["seenMs", optional(uint)],
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
    ["seenMs", optional(uint)],
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
  "ask-heads": [["token", uint]],
  heads: [
    ["token", uint],
    ["heads", heads],
  ],
};

/** Position is the number on the wire: append only. */
export const NUMBERS = Object.keys(LAYOUTS) as Message["type"][];
