/** Folding in steps of at most about two blobs' worth, whatever has come since the last fold. */
import { expect, test } from "vitest";

import { toId } from "../../../shared/lib/bytes.ts";
import { LEAF_KEYS } from "../../../shared/log/hash-trie.ts";
import { decodePayload } from "../../../shared/log/payload.ts";
import { encodeRecord, hashRecord, keyHashOf } from "../../../shared/record/encoding.ts";
import { Fold } from "../../../worker/origin/fold.ts";
import type { TailChange } from "../../../worker/origin/fold.ts";
import { SqliteLogStore } from "../../../worker/origin/sqlite-log-store.ts";
import { nodeSql } from "../../support/node-sql.ts";
import { heavyLabels } from "../../support/noise.ts";
import { address, pod } from "../../support/records.ts";

test("[LOG22] a step of folding rewrites at most two blobs' worth of a log that was empty, and of one that grows tenfold", () => {
  const store = new SqliteLogStore(nodeSql());
  const first = fold(store, [], tailOf(0, 3_000), 1);
  const second = fold(store, first.blobs, tailOf(3_000, 30_000), 2);
  expect(Math.max(...first.steps, ...second.steps)).toBeLessThanOrEqual(2 * LEAF_KEYS);
  expect(keysOf(store, second.blobs)).toEqual(new Set(tailOf(0, 30_000).keys()));
});

test("[LOG22] between any two steps the blobs cover all keys, and what is not rewritten yet is as it was", () => {
  const store = new SqliteLogStore(nodeSql());
  const before = fold(store, [], tailOf(0, 500), 1);
  const held = new Set(tailOf(0, 500).keys());
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

test("[LOG18] records that are large and do not compress are cut by their bytes: no row is beyond 1.5 MB", () => {
  const sql = nodeSql();
  const store = new SqliteLogStore(sql);
  const large = (n: number) => pod(`web-${n}`, address(n % 200), heavyLabels(n));
  const first = fold(store, [], tailOf(0, 100, large), 1);
  const second = fold(store, first.blobs, tailOf(80, 200, large), 2);
  expect(keysOf(store, second.blobs).size).toBe(200);
  const [row] = sql.run("SELECT MAX(LENGTH(payload) + LENGTH(entries)) AS n FROM blobs");
  expect(Number(row?.["n"])).toBeGreaterThan(100_000);
  expect(Number(row?.["n"])).toBeLessThan(1_500_000);
});

function fold(
  store: SqliteLogStore,
  blobs: Fold["blobs"],
  tail: ReadonlyMap<string, TailChange>,
  head: number,
) {
  const folding = new Fold("identity", store, blobs, tail, head);
  const steps: number[] = [];
  while (!folding.isDone) steps.push(folding.step(1));
  return { blobs: folding.blobs, steps };
}

function tailOf(
  from: number,
  to: number,
  make = (n: number) => pod(`web-${n}`, address(n % 200)),
): Map<string, TailChange> {
  const tail = new Map<string, TailChange>();
  for (let n = from; n < to; n++) {
    const record = make(n);
    const bytes = encodeRecord(record);
    const change = { keyHash: keyHashOf(record), recordHash: hashRecord(bytes), bytes };
    tail.set(toId(change.keyHash), change);
  }
  return tail;
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
