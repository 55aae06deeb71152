import fc from "fast-check";
import { expect, test } from "vitest";

import { compareBytes, concatBytes, toHex } from "../../../shared/lib/bytes.ts";
import { sha256 } from "../../../shared/lib/hash.ts";
import { DIGEST_BYTES, HashTrie, LEAF_KEYS } from "../../../shared/log/hash-trie.ts";
import { areDisjoint, partitionHas, splitPartition, WHOLE } from "../../../shared/log/partition.ts";
import type { Partition } from "../../../shared/log/partition.ts";

function hash(n: number): Uint8Array {
  return sha256(new TextEncoder().encode(`key ${n}`)).slice(0, 12);
}

/**
 * The definition, spelled out: a leaf's digest is over its sorted pairs, an inner node's over its
 * halves'.
 */
function definedDigest(pairs: readonly Uint8Array[], partition: Partition = WHOLE): Uint8Array {
  const own = pairs.filter((pair) => partitionHas(partition, pair)).toSorted(compareBytes);
  if (own.length <= LEAF_KEYS)
    return sha256(Uint8Array.of(0), concatBytes(...own)).slice(0, DIGEST_BYTES);
  const [low, high] = splitPartition(partition);
  return sha256(Uint8Array.of(1), definedDigest(own, low), definedDigest(own, high)).slice(
    0,
    DIGEST_BYTES,
  );
}

test("[LOG5] the digest is a function of the set alone: any order of additions, changes and deletions", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(1_500), fc.nat(3)), { minLength: 0, maxLength: 4_000 }),
      (steps) => {
        const trie = new HashTrie();
        const model = new Map<number, number>();
        for (const [key, value] of steps) {
          if (value === 0) {
            expect(trie.delete(hash(key))).toBe(model.delete(key));
          } else {
            trie.set(hash(key), hash(value), 0);
            model.set(key, value);
          }
        }
        expect(trie.size).toBe(model.size);
        const pairs = [...model].map(([key, value]) => concatBytes(hash(key), hash(value)));
        expect(toHex(trie.digest())).toBe(toHex(definedDigest(pairs)));
      },
    ),
    { numRuns: 30 },
  );
});

test("[LOG5] a trie that is made of sorted pairs is the one that is made one by one, and goes on as that does", () => {
  for (const size of [0, 1, LEAF_KEYS, LEAF_KEYS + 1, 20_000]) {
    const one = new HashTrie();
    for (let n = 0; n < size; n++) one.set(hash(n), hash(n + 1), 0);
    const pairs = [...one.entries()].map(({ keyHash, recordHash }) =>
      concatBytes(keyHash, recordHash),
    );
    const { trie, parts } = drained(HashTrie.ofSorted(concatBytes(...pairs)));
    expect(Math.max(...parts)).toBeLessThanOrEqual(LEAF_KEYS);
    expect(trie.size).toBe(size);
    expect(trie.leaves()).toEqual(one.leaves());
    for (const each of [one, trie]) {
      for (let n = 0; n < 700; n++) each.set(hash(size + n), hash(n), n);
      for (let n = 0; n < size; n += 3) each.delete(hash(n));
    }
    expect(trie.leaves()).toEqual(one.leaves());
    expect([...trie.entries()]).toEqual([...one.entries()]);
  }
});

function drained(made: Generator<number, HashTrie>): { trie: HashTrie; parts: number[] } {
  const parts: number[] = [];
  for (;;) {
    const next = made.next();
    if (next.done === true) return { trie: next.value, parts };
    parts.push(next.value);
  }
}

test("[LOG5] any party's leaf is comparable: it matches where all its keys are the same, whether or not it is a leaf on both sides", () => {
  const big = new HashTrie();
  const small = new HashTrie();
  for (let n = 0; n < 5_000; n++) big.set(hash(n), hash(n + 1), 0);
  for (let n = 0; n < 100; n++) small.set(hash(n), hash(n + 1), 0);
  const pairs = Array.from({ length: 5_000 }, (_, n) => concatBytes(hash(n), hash(n + 1)));
  const [half] = splitPartition(WHOLE);
  for (const partition of [WHOLE, half, ...big.leaves()]) {
    const digest = definedDigest(pairs, partition);
    expect(big.matches({ ...partition, digest })).toBe(true);
    expect(big.matches({ ...partition, digest: definedDigest(pairs.slice(1), WHOLE) })).toBe(false);
  }
  // Who has more keys around a key has smaller leaves there, and differs.
  expect(big.leaves().filter((leaf) => small.matches(leaf))).toEqual([]);
  expect(small.leaves().filter((leaf) => big.matches(leaf))).toEqual([]);
  expect(
    [...big.entries(big.leaves()[3])].every((entry) =>
      partitionHas(big.leaves()[3] as Partition, entry.keyHash),
    ),
  ).toBe(true);
});

test("[LOG5] leaves hold at most their bound, and grow together again", () => {
  const trie = new HashTrie();
  for (let n = 0; n < 4_000; n++) trie.set(hash(n), hash(0), n);
  expect(trie.leaves().length).toBeGreaterThan(7);
  expect(trie.get(hash(77))?.tag).toBe(77);
  const copy = trie.clone();
  for (let n = 400; n < 4_000; n++) trie.delete(hash(n));
  expect(trie.leaves()).toHaveLength(1);
  expect([trie.size, copy.size]).toEqual([400, 4_000]);
  expect(trie.set(hash(1), hash(0), 9)).toBe(false);
});

test("[LOG20] leaves that must be hashed for the digest are counted, no further than is asked", () => {
  const trie = new HashTrie();
  for (let n = 0; n < 10_000; n++) trie.set(hash(n), hash(n), 0);
  expect(trie.staleLeaves(1_000)).toBe(trie.leaves().length);
  expect(trie.staleLeaves(1_000)).toBe(0);
  for (const n of [7, 7, 8]) trie.set(hash(n), hash(0), 0);
  expect([trie.staleLeaves(16), trie.staleLeaves(1), trie.staleLeaves(0)]).toEqual([2, 1, 0]);
  trie.digest();
  expect(trie.staleLeaves(16)).toBe(0);
});

test("[PRO4] leaves that overlap or are out of order are told apart from those of a trie", () => {
  const trie = new HashTrie();
  for (let n = 0; n < 5_000; n++) trie.set(hash(n), hash(n), 0);
  const leaves = trie.leaves();
  expect(areDisjoint(leaves)).toBe(true);
  expect(areDisjoint([WHOLE])).toBe(true);
  expect(areDisjoint([])).toBe(true);
  expect(areDisjoint(leaves.toReversed())).toBe(false);
  expect(areDisjoint([WHOLE, WHOLE])).toBe(false);
  expect(areDisjoint([{ bits: 1, prefix: 5 }])).toBe(false);
});
