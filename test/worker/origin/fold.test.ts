/** Folding in steps of at most about two blobs' worth, whatever has come since the last fold. */
import { expect, test } from "vitest";

import { toId } from "../../../shared/lib/bytes.ts";
import { LEAF_KEYS } from "../../../shared/log/hash-trie.ts";
import { partitionHas } from "../../../shared/log/partition.ts";
import { decodePayload, encodePayload } from "../../../shared/log/payload.ts";
import { encodeRecord, hashRecord, keyHashOf } from "../../../shared/record/encoding.ts";
import { Fold } from "../../../worker/origin/fold.ts";
import type { Since } from "../../../worker/origin/fold.ts";
import { SqliteLogStore } from "../../../worker/origin/sqlite-log-store.ts";
import { Tail } from "../../../worker/origin/tail.ts";
import type { TailChange } from "../../../worker/origin/tail.ts";
import { nodeSql } from "../../support/node-sql.ts";
import { heavyLabels } from "../../support/noise.ts";
import { address, pod } from "../../support/records.ts";

test("[LOG22] a step of folding rewrites at most two blobs' worth of a log that was empty, and of one that grows tenfold", () => {
  const store = new SqliteLogStore(nodeSql());
  const first = fold(store, [], tailOf(0, 3_000), 1);
  const second = fold(store, first.blobs, tailOf(3_000, 30_000), 2);
  expect(Math.max(...first.steps, ...second.steps)).toBeLessThanOrEqual(2 * LEAF_KEYS);
  expect(keysOf(store, second.blobs)).toEqual(keysOfChanges(0, 30_000));
});

test("[LOG22] between any two steps the blobs cover all keys, and what is not rewritten yet is as it was", () => {
  const store = new SqliteLogStore(nodeSql());
  const before = fold(store, [], tailOf(0, 500), 1);
  const held = keysOfChanges(0, 500);
  const half = new Fold("identity", store, before.blobs, tailOf(500, 5_000), 2);
  while (!half.isDone) {
    half.step(1);
    const old = half.blobs.filter(({ revision }) => revision === 1);
    expect([...keysOf(store, old)].every((key) => held.has(key))).toBe(true);
    const all = keysOf(store, half.blobs);
    expect([...held].every((key) => all.has(key))).toBe(true);
    expect(half.blobs.reduce((sum, { bits }) => sum + 2 ** (32 - bits), 0)).toBe(2 ** 32);
  }
});

test("[LOG18] [LOG22] records that are large and do not compress are cut by their bytes: no row is beyond 1.5 MB, no step beyond two blobs", () => {
  const sql = nodeSql();
  const store = new SqliteLogStore(sql);
  const large = (n: number) => pod(`web-${n}`, address(n % 200), heavyLabels(n));
  const first = fold(store, [], tailOf(0, 100, large), 1);
  const second = fold(store, first.blobs, tailOf(80, 200, large), 2);
  expect(keysOf(store, second.blobs).size).toBe(200);
  const [row] = sql.run("SELECT MAX(LENGTH(payload) + LENGTH(entries)) AS n FROM blobs");
  expect(Number(row?.["n"])).toBeGreaterThan(100_000);
  expect(Number(row?.["n"])).toBeLessThan(1_500_000);
  const [most, all] = [Math.max(...first.bytes, ...second.bytes), sumOf(first.bytes)];
  expect(most).toBeLessThanOrEqual(2 * 256 * 1024);
  expect(all).toBeGreaterThan(100 * 30_000);
});

test("[LOG22] what was stored before a start is read again in steps as well, and folds to the same", () => {
  const store = new SqliteLogStore(nodeSql());
  const whole = fold(store, [], tailOf(0, 5_000), 10);
  const expected = keysOf(store, whole.blobs);
  const again = new SqliteLogStore(nodeSql());
  const changes = [...changesOf(0, 5_000)];
  for (let n = 0; n < 50; n++) putFrame(again, n + 1, changes.slice(n * 100, (n + 1) * 100));
  const { blobs, steps } = fold(again, [], { after: 0 }, 50);
  expect(Math.max(...steps)).toBeLessThanOrEqual(2 * LEAF_KEYS);
  expect(keysOf(again, blobs)).toEqual(expected);
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
    const taken = tail.take(partition);
    expect(taken).toHaveLength(count);
    expect(taken.reduce((sum, change) => sum + (change.bytes?.length ?? 0), 0)).toBe(bytes);
    expect(taken.every(({ keyHash }) => partitionHas(partition, keyHash))).toBe(true);
    expect(tail.measure(partition)).toEqual({ count: 0, bytes: 0 });
    expect(tail.size).toBe((left -= count));
  }
  expect(tail.bytes).toBe(0);
});

test("a key that changes again counts once in the tail", () => {
  const { tail } = tailOf(0, 1_000);
  const { bytes, size } = tail;
  for (const change of changesOf(0, 1_000)) tail.set(change);
  expect([tail.bytes, tail.size]).toEqual([bytes, size]);
});

function fold(store: SqliteLogStore, blobs: Fold["blobs"], since: Since, head: number) {
  const folding = new Fold("identity", store, blobs, since, head);
  const steps: number[] = [];
  const bytes: number[] = [];
  while (!folding.isDone) {
    const folded = folding.step(1);
    steps.push(folded.records);
    bytes.push(folded.bytes);
  }
  return { blobs: folding.blobs, steps, bytes };
}

function putFrame(store: SqliteLogStore, revision: number, changes: readonly TailChange[]): void {
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
): Generator<TailChange & { bytes: Uint8Array }> {
  for (let n = from; n < to; n++) {
    const record = make(n);
    const bytes = encodeRecord(record);
    yield { keyHash: keyHashOf(record), recordHash: hashRecord(bytes), bytes };
  }
}

function tailOf(from: number, to: number, make = small): { readonly tail: Tail } {
  const tail = new Tail();
  for (const change of changesOf(from, to, make)) tail.set(change);
  return { tail };
}

function keysOfChanges(from: number, to: number): Set<string> {
  return new Set([...changesOf(from, to)].map(({ keyHash }) => toId(keyHash)));
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
