import { deflateRawSync } from "node:zlib";

import fc from "fast-check";
import { expect, test } from "vitest";

import { toHex } from "../../../shared/lib/bytes.ts";
import { sha256 } from "../../../shared/lib/hash.ts";
import { planResume } from "../../../shared/log/cursor.ts";
import { DICTIONARY } from "../../../shared/log/dictionary.ts";
import { decodePayload, encodePayload, MAX_FRAME_CHANGES } from "../../../shared/log/payload.ts";
import { encodeMessage } from "../../../shared/protocol/codec.ts";
import { hashKey } from "../../../shared/record/encoding.ts";
import { pod, put } from "../../support/records.ts";

test("[LOG1] a payload survives, puts and deletes in order", () => {
  const changes = [
    put(pod("a", "10.20.0.1")),
    { op: "delete" as const, keyHash: hashKey("/x"), cause: "inferred" as const },
  ];
  expect(decodePayload(encodePayload(changes))).toEqual({ ok: true, changes });
});

test("[PRO3] the dictionary is part of the protocol: its bytes do not change within a version", () => {
  expect(toHex(sha256(DICTIONARY)).slice(0, 32)).toMatchInlineSnapshot(
    `"5fe98bb7e24ffaffc887ebf665725ca4"`,
  );
});

test("[PRO3] one changed pod costs a reader at most 200 bytes on the wire", () => {
  const record = {
    ...pod("checkout-7d9c5b8f64-k2x9v", "10.20.31.77", {
      app: "checkout",
      "pod-template-hash": "7d9c5b8f64",
      version: "v2",
      team: "payments",
      "projectcalico.org/serviceaccount": "checkout",
    }),
    node: "ip-10-3-14-15.eu-west-1.compute.internal",
    profiles: ["kns.shop", "ksa.shop.checkout"],
    ports: [{ name: "http", protocol: "tcp" as const, port: 8080 }],
  };
  const frame = encodeMessage({
    type: "frame",
    settled: null,
    origin: 0,
    channel: "identity",
    revision: 123_456,
    previous: new Uint8Array(16).fill(7),
    payload: encodePayload([put(record)]),
  });
  expect(frame.length).toBeLessThanOrEqual(200);
});

test("[PRO4] bombs, truncations, garbage and too many changes are refused with the rule", () => {
  const bomb = deflateRawSync(Buffer.alloc(64 * 1024 * 1024), { level: 9 });
  expect(decodePayload(bomb)).toEqual({
    ok: false,
    rule: "payload must inflate to at most 8388608 bytes",
  });
  const good = encodePayload([put(pod("a", "10.20.0.1"))]);
  for (let length = 0; length < good.length; length++)
    expect(decodePayload(good.slice(0, length)).ok).toBe(false);
  const many = Array.from({ length: MAX_FRAME_CHANGES + 1 }, () => ({
    op: "delete" as const,
    keyHash: hashKey("/x"),
    cause: "observed" as const,
  }));
  expect(decodePayload(encodePayload(many))).toEqual({
    ok: false,
    rule: "payload has 4001 changes, the limit is 4000",
  });
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void decodePayload(bytes)),
    { numRuns: 2_000 },
  );
});

test("[LOG3] how a reader continues", () => {
  const chain = (n: number) => new Uint8Array(16).fill(n);
  const log = {
    epoch: "e",
    head: 10,
    chainAt: (revision: number) => (revision >= 5 ? chain(revision) : undefined),
  };
  const at = (revision: number, from = revision, epoch = "e") =>
    planResume({ epoch, revision, chain: chain(from) }, log);
  expect(planResume(null, log)).toEqual({ kind: "repair", reason: "first-contact" });
  expect(at(10)).toEqual({ kind: "tail", after: 10 });
  expect(at(5)).toEqual({ kind: "tail", after: 5 });
  expect(at(4)).toEqual({ kind: "repair", reason: "compacted" });
  expect(at(11)).toEqual({ kind: "repair", reason: "ahead-of-log" });
  expect(at(9, 8)).toEqual({ kind: "repair", reason: "other-history" });
  expect(at(9, 9, "f")).toEqual({ kind: "repair", reason: "epoch-changed" });
});

test("[PRO10] a payload that claims or holds millions of things costs no more than to inflate it", () => {
  const inflated = 8 * 1024 * 1024;
  const deflated = (bytes: Uint8Array): Uint8Array =>
    Uint8Array.from(deflateRawSync(bytes, { dictionary: DICTIONARY }));
  const lists = new Uint8Array(inflated).fill(0x90);
  lists[0] = 0xdd;
  new DataView(lists.buffer).setUint32(1, inflated - 5);
  expect(decodePayload(deflated(lists))).toEqual({
    ok: false,
    rule: `payload has ${inflated - 5} changes, the limit is ${MAX_FRAME_CHANGES}`,
  });
  // Few changes of which each is full of lists.
  const nested = new Uint8Array(inflated).fill(0x90);
  nested.set([0x92, 0xdd, 0, 0x70, 0, 0]);
  expect(decodePayload(deflated(nested))).toEqual({
    ok: false,
    rule: "a change must be record bytes, or [key hash, cause]",
  });
});
