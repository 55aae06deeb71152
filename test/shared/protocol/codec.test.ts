import fc from "fast-check";
import { expect, test } from "vitest";

import { fromHex, toHex } from "../../../shared/lib/bytes.ts";
import { pack } from "../../../shared/lib/msgpack.ts";
import { decodeMessage, encodeMessage } from "../../../shared/protocol/codec.ts";
import { CLOSE_CODES, closeReasonOf, closeText } from "../../../shared/protocol/errors.ts";
import type { Message } from "../../../shared/protocol/messages.ts";
import { pickVersion } from "../../../shared/protocol/version.ts";

const b16 = new Uint8Array(16).fill(3);
const leaf = { bits: 1, prefix: 2 ** 31, digest: b16 };
/** A message, and the bytes that every version that knows it writes and reads. */
type Pinned<T extends Message["type"]> = {
  readonly message: Extract<Message, { readonly type: T }>;
  readonly bytes: string;
};

/** Of every type, so that a message that is missing here does not compile. */
const PINNED: { readonly [T in Message["type"]]: readonly [Pinned<T>, ...Pinned<T>[]] } = {
  "watch-hello": [
    {
      message: {
        type: "watch-hello",
        versions: [1],
        software: "x",
        accessVersion: 3,
        creditBytes: 9,
        channels: ["identity"],
        cursors: [{ channel: "pools", epoch: "e", revision: 5, chain: b16 }],
      },
      bytes: "97009101a17803099100919401a16505c41003030303030303030303030303030303",
    },
  ],
  "watch-welcome": [
    {
      message: { type: "watch-welcome", version: 1, originUid: "u", accessVersion: 2 },
      bytes: "940101a17502",
    },
  ],
  resume: [
    { message: { type: "resume", origin: 0, channel: "identity", after: 7 }, bytes: "9402000007" },
  ],
  "repair-needed": [
    {
      message: {
        type: "repair-needed",
        origin: 0,
        channel: "identity",
        epoch: "e",
        reason: "compacted",
      },
      bytes: "95030000a165a9636f6d706163746564",
    },
  ],
  "catch-up": [
    {
      message: {
        type: "catch-up",
        origin: 0,
        channel: "routing",
        after: 4,
        previous: b16,
        revision: 300,
        chain: b16,
        payload: b16,
      },
      bytes:
        "9813000204c41003030303030303030303030303030303cd012cc41003030303030303030303030303030303c41003030303030303030303030303030303",
    },
  ],
  repair: [
    {
      message: { type: "repair", origin: 0, channel: "identity", leaves: [leaf] },
      bytes: "94040000919301ce80000000c41003030303030303030303030303030303",
    },
  ],
  "repair-plan": [
    {
      message: {
        type: "repair-plan",
        origin: 0,
        channel: "identity",
        epoch: "e",
        head: 9,
        blobs: 2,
        after: 4,
        chain: b16,
      },
      bytes: "98050000a165090204c41003030303030303030303030303030303",
    },
  ],
  blob: [
    {
      message: {
        type: "blob",
        origin: 0,
        channel: "routing",
        bits: 3,
        prefix: 5,
        revision: 8,
        payload: b16,
      },
      bytes: "97060002030508c41003030303030303030303030303030303",
    },
  ],
  frame: [
    {
      message: {
        type: "frame",
        origin: 0,
        channel: "identity",
        revision: 2 ** 40,
        previous: b16,
        payload: b16,
        settled: null,
      },
      bytes:
        "96070000cb4270000000000000c41003030303030303030303030303030303c41003030303030303030303030303030303",
    },
    {
      message: {
        type: "frame",
        origin: 0,
        channel: "identity",
        revision: 7,
        previous: b16,
        payload: b16,
        settled: { digest: b16, populated: true, sweep: false },
      },
      bytes:
        "9707000007c41003030303030303030303030303030303c4100303030303030303030303030303030393c41003030303030303030303030303030303c3c2",
    },
    {
      message: {
        type: "frame",
        origin: 0,
        channel: "identity",
        revision: 7,
        previous: b16,
        payload: b16,
        settled: { digest: b16, populated: true, sweep: false },
        seenMs: 9,
      },
      bytes:
        "9807000007c41003030303030303030303030303030303c4100303030303030303030303030303030393c41003030303030303030303030303030303c3c209",
    },
    {
      message: {
        type: "frame",
        origin: 0,
        channel: "identity",
        revision: 7,
        previous: b16,
        payload: b16,
        settled: null,
        seenMs: 9,
      },
      bytes:
        "9807000007c41003030303030303030303030303030303c41003030303030303030303030303030303c009",
    },
  ],
  checkpoint: [
    {
      message: {
        type: "checkpoint",
        origin: 0,
        channel: "identity",
        epoch: "e",
        revision: 1,
        digest: b16,
        populated: true,
        sweep: false,
      },
      bytes: "98080000a16501c41003030303030303030303030303030303c3c2",
    },
  ],
  "reader-ack": [
    {
      message: {
        type: "reader-ack",
        origin: 0,
        channel: "identity",
        revision: 1,
        chain: b16,
        receivedBytes: 2,
        mark: null,
      },
      bytes: "9609000001c4100303030303030303030303030303030302",
    },
    // Since version 3.
    {
      message: {
        type: "reader-ack",
        origin: 0,
        channel: "identity",
        revision: 1,
        chain: b16,
        receivedBytes: 2,
        mark: 2 ** 52 - 1,
      },
      bytes: "9709000001c4100303030303030303030303030303030302cb432ffffffffffffe",
    },
  ],
  mark: [{ message: { type: "mark", token: 2 ** 52 - 1 }, bytes: "9214cb432ffffffffffffe" }],
  "ask-heads": [{ message: { type: "ask-heads", token: 7 }, bytes: "921507" }],
  heads: [
    {
      message: {
        type: "heads",
        token: 9,
        heads: [{ channel: "pools", epoch: "e", revision: 1 }],
      },
      bytes: "931609919301a16501",
    },
    { message: { type: "heads", token: 9, heads: [] }, bytes: "93160990" },
  ],
  "home-hello": [
    {
      message: {
        type: "home-hello",
        versions: [1, 2],
        software: "x",
        accessVersion: 0,
        leaseUid: "",
        term: 0,
        candidate: null,
      },
      bytes: "960a920102a17800a000",
    },
    {
      message: {
        type: "home-hello",
        versions: [2],
        software: "x",
        accessVersion: 0,
        leaseUid: "",
        term: 3,
        candidate: "c",
      },
      bytes: "970a9102a17800a003a163",
    },
  ],
  "home-welcome": [
    {
      message: {
        type: "home-welcome",
        version: 1,
        term: 1,
        paceMs: 5,
        channels: [{ channel: "pools", epoch: "e", head: 1, digest: b16 }],
        isStandby: null,
      },
      bytes: "950b010105919401a16501c41003030303030303030303030303030303",
    },
    {
      message: {
        type: "home-welcome",
        version: 2,
        term: 0,
        paceMs: 0,
        channels: [],
        isStandby: true,
      },
      bytes: "960b02000090c3",
    },
  ],
  reconcile: [
    {
      message: { type: "reconcile", channel: "identity", leaves: [leaf, leaf] },
      bytes:
        "930c00929301ce80000000c410030303030303030303030303030303039301ce80000000c41003030303030303030303030303030303",
    },
  ],
  difference: [
    {
      message: {
        type: "difference",
        channel: "identity",
        bits: 0,
        prefix: 0,
        pairs: b16,
        isLast: true,
      },
      bytes: "960d000000c41003030303030303030303030303030303c3",
    },
  ],
  publish: [
    {
      message: { type: "publish", channel: "identity", sequence: 1, payload: b16 },
      bytes: "940e0001c41003030303030303030303030303030303",
    },
    {
      message: { type: "publish", channel: "identity", sequence: 1, payload: b16, seenMs: 9 },
      bytes: "950e0001c4100303030303030303030303030303030309",
    },
  ],
  accepted: [
    {
      message: {
        type: "accepted",
        channel: "identity",
        sequence: 1,
        epoch: "e",
        revision: 3,
        refused: 0,
        paceMs: 5,
      },
      bytes: "970f0001a165030005",
    },
  ],
  reconciled: [{ message: { type: "reconciled", channel: "identity" }, bytes: "921000" }],
  access: [{ message: { type: "access", facts: "{}" }, bytes: "9211a27b7d" }],
  report: [
    { message: { type: "report", edges: "[]", cluster: null }, bytes: "9212a25b5d" },
    { message: { type: "report", edges: "[]", cluster: "{}" }, bytes: "9312a25b5da27b7d" },
  ],
};
const pinned: readonly { message: Message; bytes: string }[] = Object.values(PINNED).flat();
const messages = pinned.map(({ message }) => message);

test("[PRO2] every message survives", () => {
  for (const message of messages)
    expect(decodeMessage(encodeMessage(message))).toEqual({ ok: true, message });
});

test("[PRO2] every message has the bytes that it always had, both ways", () => {
  for (const { message, bytes } of pinned) {
    expect([message.type, toHex(encodeMessage(message))]).toEqual([message.type, bytes]);
    expect(decodeMessage(fromHex(bytes) ?? new Uint8Array())).toEqual({ ok: true, message });
  }
});

test("[PRO2] fields of a later version are ignored, missing and malformed ones are named", () => {
  expect(decodeMessage(pack([16, 0, "later", 9]))).toEqual({
    ok: true,
    message: { type: "reconciled", channel: "identity" },
  });
  expect(decodeMessage(pack([16]))).toEqual({
    ok: false,
    kind: "malformed",
    rule: "reconciled: field channel is missing or malformed",
  });
  expect(decodeMessage(pack([7, 0, 0, -1, b16, b16]))).toEqual({
    ok: false,
    kind: "malformed",
    rule: "frame: field revision is missing or malformed",
  });
  expect(decodeMessage(pack([99]))).toEqual({
    ok: false,
    kind: "malformed",
    rule: "unknown message number 99",
  });
  expect(decodeMessage(new Uint8Array(1_600_001))).toEqual({
    ok: false,
    kind: "too-large",
    rule: "message has 1600001 bytes, the limit is 1600000",
  });
});

test("[PRO4] hostile bytes never throw", () => {
  const seeds = messages.map(encodeMessage);
  fc.assert(
    fc.property(
      fc.constantFrom(...seeds),
      fc.array(fc.tuple(fc.nat(300), fc.nat(255)), { maxLength: 4 }),
      fc.nat(300),
      (seed, edits, cut) => {
        const bytes = seed.slice(0, Math.max(1, seed.length - (cut % seed.length)));
        for (const [at, value] of edits) bytes[at % bytes.length] = value;
        decodeMessage(bytes);
      },
    ),
    { numRuns: 5_000 },
  );
});

test("[PRO1] the highest version that both know is spoken, or none", () => {
  expect([pickVersion([1]), pickVersion([1, 7]), pickVersion([7]), pickVersion([])]).toEqual([
    1,
    1,
    null,
    null,
  ]);
});

test("[PRO8] close codes are distinct, and reasons fit a close frame", () => {
  const codes = Object.values(CLOSE_CODES);
  expect(new Set(codes).size).toBe(codes.length);
  expect(closeReasonOf(4403)).toBe("access-denied");
  expect(closeReasonOf(1006)).toBe(null);
  expect(new TextEncoder().encode(closeText("é".repeat(200))).length).toBeLessThanOrEqual(123);
});

test("[PRO9] what a message may have is looked at before it is unpacked", () => {
  const wide = (head: number, number: number, count: number): Uint8Array => {
    const bytes = new Uint8Array(count + 7).fill(0x90);
    bytes.set([head, number, 0xdd]);
    new DataView(bytes.buffer).setUint32(3, count);
    return bytes;
  };
  const ruleOf = (bytes: Uint8Array): string => {
    const decoded = decodeMessage(bytes);
    return decoded.ok ? "" : decoded.rule;
  };
  const number = (message: Message): number => encodeMessage(message)[1] ?? 0;
  // Lists of empty lists, as long as a message may be: unpacked they would be 200 ms of the hub.
  const publish = number({ type: "publish", channel: "pools", sequence: 1, payload: b16 });
  expect(ruleOf(wide(0x94, publish, 1_500_000))).toBe("publish has more than 32 values, the limit");
  for (const [message, most] of [
    [{ type: "report", edges: "[]", cluster: null }, 524_288],
    [{ type: "repair", origin: 0, channel: "pools", leaves: [] }, 131_072],
    [{ type: "reconcile", channel: "pools", leaves: [] }, 131_072],
    [messages.find(({ type }) => type === "home-hello") as Message, 8_192],
    [messages.find(({ type }) => type === "watch-hello") as Message, 8_192],
    [messages.find(({ type }) => type === "reader-ack") as Message, 512],
    [{ type: "reconciled", channel: "pools" }, 512],
  ] as const) {
    const bytes = encodeMessage(message as Message);
    const long = new Uint8Array(most + 1);
    long.set(bytes);
    expect(decodeMessage(bytes).ok).toBe(true);
    expect(ruleOf(long)).toBe(`${message.type} has ${most + 1} bytes, the limit is ${most}`);
  }
  const leaves = Array.from({ length: 4_096 }, (_, i) => ({
    bits: 12,
    prefix: i * 2 ** 20,
    digest: b16,
  }));
  expect(
    decodeMessage(encodeMessage({ type: "repair", origin: 0, channel: "pools", leaves })).ok,
  ).toBe(true);
  expect(ruleOf(Uint8Array.from({ length: 1_000 }, () => 0x91))).toContain("known number");
});
