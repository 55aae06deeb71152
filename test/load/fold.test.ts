/** Folding in steps of at most about two blobs' worth, whatever has come since the last fold. */
import { expect, test } from "vitest";

import { toId } from "../../shared/lib/bytes.ts";
import { LEAF_KEYS } from "../../shared/log/hash-trie.ts";
import { partitionHas } from "../../shared/log/partition.ts";
import { decodePayload, encodePayload } from "../../shared/log/payload.ts";
import { encodeRecord, hashRecord, keyHashOf } from "../../shared/record/encoding.ts";
import { Fold } from "../../worker/origin/log/fold.ts";
import type { Foldable } from "../../worker/origin/log/fold.ts";
import type { PackedChange } from "../../worker/origin/log/packed-changes.ts";
import { PieceBudget, SmallFrames } from "../../worker/origin/log/small-frames.ts";
import { SqliteLogStore } from "../../worker/origin/log/sqlite-log-store.ts";
import { NewestChanges } from "../../worker/origin/log/newest-changes.ts";
import { nodeSql } from "../support/node-sql.ts";
import { heavyLabels } from "../support/noise.ts";
import { address, pod } from "../support/records.ts";

test("[LOG22] [LOG60] a step of folding reads or rewrites at most two blobs' worth, of a log that was empty, and of one that grows tenfold", () => {
  const store = new SqliteLogStore(nodeSql());
  const first = fold(store, [], 0, putAll(store, 0, changesOf(0, 3_000)));
  const second = fold(store, first.blobs, 30, putAll(store, 30, changesOf(3_000, 30_000)));
  expect(second.head).toBe(300);
  expect(Math.max(...first.steps, ...second.steps)).toBeLessThanOrEqual(2 * LEAF_KEYS);
  expect(keysOf(store, second.blobs)).toEqual(keysOfChanges(0, 30_000));
});

test("[LOG22] between any two steps the blobs cover all keys, and what is not rewritten yet is as it was", () => {
  const store = new SqliteLogStore(nodeSql());
  const before = fold(store, [], 0, putAll(store, 0, changesOf(0, 500)));
  const held = keysOfChanges(0, 500);
  const head = putAll(store, 5, changesOf(500, 5_000));
  const half = new Fold(grown(), store, before.blobs, 5, head);
  while (!half.isDone) {
    half.step(1);
    const old = half.blobs.filter(({ revision }) => revision === 5);
    expect([...keysOf(store, old)].every((key) => held.has(key))).toBe(true);
    const all = keysOf(store, half.blobs);
    expect([...held].every((key) => all.has(key))).toBe(true);
    expect(half.blobs.reduce((sum, { bits }) => sum + 2 ** (32 - bits), 0)).toBe(2 ** 32);
  }
});

const large = (n: number) => pod(`web-${n}`, address(n % 200), heavyLabels(n));

test("[LOG18] [LOG22] records that are large and do not compress are cut by their bytes: no row is beyond 1.5 MB, no step beyond two blobs", () => {
  const sql = nodeSql();
  const store = new SqliteLogStore(sql);
  const first = fold(store, [], 0, putAll(store, 0, changesOf(0, 100, large), 4));
  const next = putAll(store, 25, changesOf(80, 200, large), 4);
  const second = fold(store, first.blobs, 25, next);
  expect(keysOf(store, second.blobs).size).toBe(200);
  const [row] = sql.run("SELECT MAX(LENGTH(payload) + LENGTH(entries)) AS n FROM blobs");
  expect(Number(row?.["n"])).toBeGreaterThan(100_000);
  expect(Number(row?.["n"])).toBeLessThan(1_500_000);
  const [most, all] = [Math.max(...first.bytes, ...second.bytes), sumOf(first.bytes)];
  expect(most).toBeLessThanOrEqual(2 * 256 * 1024);
  expect(all).toBeGreaterThan(100 * 30_000);
});

test("[LOG18] [LOG54] of more than it may hold a fold takes the first part, and the next one the rest", () => {
  const store = new SqliteLogStore(nodeSql());
  const head = putAll(store, 0, changesOf(0, 600, large), 4);
  const first = fold(store, [], 0, head);
  expect(first.head).toBeLessThan(head);
  expect(first.held).toBeGreaterThan(12e6);
  expect(first.held).toBeLessThan(12.5e6);
  expect(keysOf(store, first.blobs)).toEqual(keysOfChanges(0, first.head * 4, large));
  const second = fold(store, first.blobs, first.head, head);
  expect(second.head).toBe(head);
  expect(keysOf(store, second.blobs)).toEqual(keysOfChanges(0, 600, large));
});

test("[LOG22] what has changed again is not read; where there is no room for all the rest, it is", () => {
  for (const [make, isWhole] of [
    [small, true],
    [large, false],
  ] as const) {
    const store = new SqliteLogStore(nodeSql());
    const middle = putAll(store, 0, changesOf(0, 600, make), 4);
    const head = putAll(store, middle, changesOf(0, 100, make), 4);
    const again = new Set([...changesOf(0, 100, make)].map(({ keyHash }) => toId(keyHash)));
    const isReplaced: Foldable["isReplaced"] = (keyHash, after, upTo) =>
      again.has(toId(keyHash)) && after <= middle && upTo === head;
    const first = fold(store, [], 0, head, { ...grown(), isReplaced });
    expect(first.head === head).toBe(isWhole);
    const keys = keysOfChanges(0, Math.min(600, first.head * 4), make);
    expect(keysOf(store, first.blobs)).toEqual(keys);
    expect(sumOf(first.steps)).toBeGreaterThan(600);
  }
});

test("a tail answers for any partition what it holds of it, and takes it out", () => {
  const { tail } = tailOf(0, 5_000);
  const all = tail.measure({ bits: 0, prefix: 0 });
  expect(all.count).toBe(5_000);
  let left = all.count;
  for (const partition of [
    { bits: 11, prefix: 0xab_e0_00_00 },
    { bits: 8, prefix: 0xab_00_00_00 },
    { bits: 3, prefix: 0x20_00_00_00 },
    { bits: 0, prefix: 0 },
  ]) {
    const { count, bytes } = tail.measure(partition);
    const taken = tail.extract(partition);
    expect(taken).toHaveLength(count);
    expect(taken.reduce((sum, change) => sum + (change.bytes?.length ?? 0), 0)).toBe(bytes);
    expect(taken.every(({ keyHash }) => partitionHas(partition, keyHash))).toBe(true);
    expect(tail.measure(partition)).toEqual({ count: 0, bytes: 0 });
    expect(tail.size).toBe((left -= count));
  }
});

test("[LOG22] keys that begin alike are dealt out as others are", () => {
  const tail = new NewestChanges();
  const count = 6_000;
  const alike = [...changesOf(0, count)].map((change, n) => {
    const keyHash = change.keyHash.slice();
    keyHash.set([0xab, 0xcd, n % 3]);
    return { ...change, keyHash };
  });
  for (const change of alike) tail.set(change);
  const byKey = alike.toSorted((a, b) => Buffer.compare(a.keyHash, b.keyHash));
  expect(tail.measure({ bits: 16, prefix: 0xab_cd_00_00 }).count).toBe(count);
  const held = (partition: { bits: number; prefix: number }) =>
    byKey.filter(({ keyHash }) => partitionHas(partition, keyHash));
  const gone = new Set<string>();
  let left = count;
  for (const partition of [
    { bits: 27, prefix: 0xab_cd_01_20 },
    { bits: 25, prefix: 0xab_cd_01_80 },
    { bits: 24, prefix: 0xab_cd_00_00 },
    { bits: 12, prefix: 0xab_c0_00_00 },
  ]) {
    const all = held(partition).filter(({ keyHash }) => !gone.has(toId(keyHash)));
    expect(tail.measure(partition).count).toBe(all.length);
    expect(tail.extract(partition)).toEqual(all);
    for (const { keyHash } of all) gone.add(toId(keyHash));
    expect(tail.size).toBe((left -= all.length));
  }
  expect([tail.size, left]).toEqual([0, 0]);
});

test("of a key that changes again a tail has the newest, once", () => {
  const { tail } = tailOf(0, 1_000);
  const newest = new Map<string, PackedChange>();
  for (const [n, change] of [...changesOf(0, 1_000)].entries()) {
    const bytes = n % 3 === 0 ? null : new Uint8Array([n % 256]);
    const again = { keyHash: change.keyHash, recordHash: new Uint8Array(12).fill(n % 7), bytes };
    tail.set(again);
    newest.set(toId(change.keyHash), again);
  }
  const all = { bits: 0, prefix: 0 };
  expect(tail.size).toBe(2_000);
  const parts = Array.from({ length: 512 }, (_, n) => ({ bits: 9, prefix: (n << 23) >>> 0 }));
  expect(sumOf(parts.map((part) => tail.measure(part).count))).toBe(1_000);
  expect(tail.size).toBe(1_000);
  const taken = tail.extract(all);
  expect(taken).toEqual(taken.toSorted((a, b) => Buffer.compare(a.keyHash, b.keyHash)));
  for (const change of taken) expect(change).toEqual(newest.get(toId(change.keyHash)));
  expect(tail.size).toBe(0);
});

/** A log in which no key has changed again. */
function grown(): Foldable {
  return {
    channel: "identity",
    small: new SmallFrames(new PieceBudget()),
    isReplaced: () => false,
  };
}

function fold(
  store: SqliteLogStore,
  blobs: Fold["blobs"],
  after: number,
  to: number,
  log = grown(),
) {
  const folding = new Fold(log, store, blobs, after, to);
  const steps: number[] = [];
  const bytes: number[] = [];
  let held = 0;
  while (!folding.isDone) {
    const folded = folding.step(1);
    steps.push(folded.records);
    bytes.push(folded.bytes);
    held = Math.max(held, folding.bytes);
  }
  return { blobs: folding.blobs, head: folding.head, steps, bytes, held };
}

/** Stores frames behind a revision; answers the last one's. */
function putAll(
  store: SqliteLogStore,
  after: number,
  changes: Iterable<PackedChange>,
  perFrame = 100,
): number {
  const all = [...changes];
  let revision = after;
  for (let at = 0; at < all.length; at += perFrame)
    putFrame(store, ++revision, all.slice(at, at + perFrame));
  return revision;
}

function putFrame(store: SqliteLogStore, revision: number, changes: readonly PackedChange[]): void {
  const entries = new Uint8Array(changes.length * 24);
  for (const [i, { keyHash, recordHash }] of changes.entries()) {
    entries.set(keyHash, i * 24);
    entries.set(recordHash, i * 24 + 12);
  }
  const payload = encodePayload(
    changes.map(({ bytes }) => ({ op: "put", bytes: bytes ?? new Uint8Array() })),
  );
  store.putFrame("identity", { revision, previous: new Uint8Array(16), payload, entries });
}

const sumOf = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);

const small = (n: number) => pod(`web-${n}`, address(n % 200));

function* changesOf(
  from: number,
  to: number,
  make = small,
): Generator<PackedChange & { bytes: Uint8Array }> {
  for (let n = from; n < to; n++) {
    const record = make(n);
    const bytes = encodeRecord(record);
    yield { keyHash: keyHashOf(record), recordHash: hashRecord(bytes), bytes };
  }
}

function tailOf(from: number, to: number, make = small): { readonly tail: NewestChanges } {
  const tail = new NewestChanges();
  for (const change of changesOf(from, to, make)) tail.set(change);
  return { tail };
}

function keysOfChanges(from: number, to: number, make = small): Set<string> {
  return new Set([...changesOf(from, to, make)].map(({ keyHash }) => toId(keyHash)));
}

function keysOf(store: SqliteLogStore, blobs: Fold["blobs"]): Set<string> {
  const keys = new Set<string>();
  for (const blob of blobs) {
    const stored = store.blob("identity", blob);
    if (stored === undefined) throw new Error("a blob that is not stored");
    const decoded = decodePayload(stored.payload);
    if (!decoded.ok) throw new Error(decoded.rule);
    for (let i = 0; i < decoded.changes.length; i++)
      keys.add(toId(stored.entries.slice(i * 24, i * 24 + 12)));
  }
  return keys;
}
