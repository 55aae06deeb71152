/** A sound message of every type, with values that a peer may choose as it likes. */
import { encodePayload } from "../../shared/log/payload.ts";
import type { PartitionDigest } from "../../shared/log/partition.ts";
import type { Message } from "../../shared/protocol/messages.ts";
import { PROTOCOL_VERSIONS } from "../../shared/protocol/version.ts";
import { CHANNELS } from "../../shared/record/channel.ts";
import { hashKey } from "../../shared/record/encoding.ts";
import type { Random } from "../fuzz/random.ts";
import { randomBytes } from "../fuzz/values.ts";

const INTEGERS = [0, 1, 7, 300, 65_536, 2 ** 31, 2 ** 32 - 1, 2 ** 40, Number.MAX_SAFE_INTEGER];
const TEXTS = ["", "x", "\u{0}", "\u{202e}", "é".repeat(20), "__proto__", "9".repeat(40)];

type Samples = { readonly [T in Message["type"]]: Omit<Extract<Message, { type: T }>, "type"> };

/** Every type of the protocol, those that only a hub sends too. */
export const TYPES = [
  "watch-hello",
  "watch-welcome",
  "resume",
  "repair-needed",
  "repair",
  "repair-plan",
  "blob",
  "frame",
  "catch-up",
  "checkpoint",
  "reader-ack",
  "mark",
  "ask-heads",
  "heads",
  "home-hello",
  "home-welcome",
  "reconcile",
  "difference",
  "publish",
  "accepted",
  "reconciled",
  "access",
  "report",
] as const satisfies readonly Message["type"][];

/** Fails to compile where a type is missing above. */
type Missing = Exclude<Message["type"], (typeof TYPES)[number]>;
const NONE_IS_MISSING: [Missing] extends [never] ? true : never = true;

export function sample(type: Message["type"], random: Random): Message {
  if (!NONE_IS_MISSING) throw new Error("BUG: a type is missing");
  return { type, ...samples(random)[type] } as Message;
}

function bytes(random: Random, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => random.below(256));
}

function leaves(random: Random): PartitionDigest[] {
  const bits = random.below(9);
  return Array.from({ length: 2 ** bits }, (_, n) => ({
    bits,
    prefix: n * 2 ** (32 - bits),
    digest: bytes(random, 16),
  }));
}

function payload(random: Random): Uint8Array {
  return encodePayload(
    random.list(6, () =>
      random.chance(0.3)
        ? { op: "delete", keyHash: hashKey(`key ${random.below(50)}`), cause: "observed" }
        : { op: "put", bytes: randomBytes(random) },
    ),
    1,
  );
}

function samples(random: Random): Samples {
  const integer = () => random.pick(INTEGERS);
  const text = () => random.pick(TEXTS);
  const channel = random.pick(CHANNELS);
  const chain = bytes(random, 16);
  const address = { origin: random.below(2), channel };
  const settled = { digest: chain, populated: true, sweep: random.chance(0.5) };
  const hello = { versions: [...PROTOCOL_VERSIONS], software: text(), accessVersion: 0 };
  const version = random.pick(PROTOCOL_VERSIONS);
  const cursors = CHANNELS.map((of) => ({
    channel: of,
    epoch: text(),
    revision: integer(),
    chain,
  }));
  const edge = {
    rcc: "r",
    origin: { uid: "u", name: text() },
    connectionStatus: 2,
    endpoints: integer(),
    refused: 0,
    digest: null,
    revision: integer(),
  };
  return {
    "watch-hello": { ...hello, creditBytes: integer(), channels: [...CHANNELS], cursors },
    "watch-welcome": { version, originUid: text(), accessVersion: integer() },
    resume: { ...address, after: integer() },
    "repair-needed": { ...address, epoch: text(), reason: text() },
    repair: { ...address, leaves: leaves(random) },
    "repair-plan": { ...address, epoch: text(), head: 1, blobs: 1, after: integer(), chain },
    blob: { ...address, bits: 0, prefix: 0, revision: integer(), payload: payload(random) },
    frame: { ...address, revision: 1, previous: chain, payload: payload(random), settled },
    "catch-up": { ...address, after: 0, previous: chain, revision: 1, chain, payload: chain },
    checkpoint: { ...address, epoch: text(), revision: integer(), ...settled },
    "reader-ack": { ...address, revision: integer(), chain, receivedBytes: integer(), mark: null },
    mark: { token: integer() },
    "ask-heads": { token: integer() },
    heads: { token: integer(), heads: [{ channel, epoch: text(), revision: integer() }] },
    "home-hello": { ...hello, leaseUid: text(), term: integer(), candidate: text() },
    "home-welcome": { version, term: 0, paceMs: integer(), channels: [], isStandby: null },
    reconcile: { channel, leaves: leaves(random) },
    difference: { channel, bits: 0, prefix: 0, pairs: chain, isLast: true },
    publish: { channel, sequence: integer(), payload: payload(random) },
    accepted: { channel, sequence: 1, epoch: text(), revision: 1, refused: 0, paceMs: 5 },
    reconciled: { channel },
    access: { facts: random.pick(["{}", "null", "[[[["]) },
    report: {
      edges: random.pick([JSON.stringify([edge]), "[null]", "[]", "{}", "[[", text()]),
      cluster: random.pick([null, "null", "{}", text()]),
    },
  };
}
