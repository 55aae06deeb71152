import fc from "fast-check";
import { expect, test } from "vitest";

import { concatBytes, toHex } from "../../../shared/lib/bytes.ts";
import { HashTrie } from "../../../shared/log/hash-trie.ts";
import type { TrieNode } from "../../../shared/log/trie-node.ts";
import { overlapping } from "../../../shared/log/partition.ts";
import type { PartitionDigest } from "../../../shared/log/partition.ts";
import { hashKey } from "../../../shared/record/encoding.ts";
import { PairUnion } from "../../../worker/origin/log/pair-union.ts";

type Tries = readonly [HashTrie, HashTrie, HashTrie];
const NONE = new HashTrie();

/** Two sets, and both of them as one. */
function filled(first: number, second: number): Tries {
  const tries: Tries = [new HashTrie(), new HashTrie(), new HashTrie()];
  for (let n = 0; n < first + second; n++) set(tries, n < first ? 0 : 1, n, "1");
  return tries;
}

function set(tries: Tries, which: 0 | 1, n: number, state: string): void {
  for (const trie of [tries[which], tries[2]]) trie.set(hashKey(`${n}`), hashKey(state), 0);
}

function unionOf(tries: Tries): PairUnion {
  return new PairUnion(() => [tries[0], tries[1], NONE]);
}

function pairsIn(trie: HashTrie, leaf: PartitionDigest): string[] {
  return [...trie.entries(leaf)].map(({ keyHash, recordHash }) =>
    toHex(concatBytes(keyHash, recordHash)),
  );
}

function cut(pairs: Uint8Array): string[] {
  return (toHex(pairs).match(/.{48}/g) ?? []).toSorted();
}

test("[LOG8] what is received is compared as one set: the digest of two is that of a trie of both", () => {
  const sizes = fc.constantFrom(0, 1, 40, 511, 513, 3_000, 9_000);
  const steps = fc.array(fc.tuple(fc.boolean(), fc.nat(12_000), fc.nat(3)), { maxLength: 60 });
  fc.assert(
    fc.property(
      sizes,
      sizes,
      steps,
      fc.integer({ min: 1, max: 40 }),
      (first, second, all, leaves) => {
        const tries = filled(first, second);
        const union = unionOf(tries);
        expect(toHex(union.digest())).toBe(toHex(tries[2].digest()));
        for (const [isFirst, n, state] of all) {
          // No key is in both.
          for (const trie of tries) trie.delete(hashKey(`${n}`));
          if (state > 0) set(tries, isFirst ? 0 : 1, n, `${state}`);
        }
        // In parts, as an event has time.
        let events = 1;
        while (!union.refresh(leaves)) expect(events++).toBeLessThan(1_000);
        expect(toHex(union.digest())).toBe(toHex(tries[2].digest()));
        for (const leaf of tries[2].leaves()) {
          expect(union.matches(leaf)).toBe(true);
          expect(union.matches({ ...leaf, digest: new Uint8Array(16) })).toBe(false);
          expect(cut(union.pairs(leaf))).toEqual(pairsIn(tries[2], leaf).toSorted());
        }
      },
    ),
    { numRuns: 25 },
  );
});

test("[LOG8] what another party has more around a key differs: its leaves are smaller than ours", () => {
  const tries = filled(300, 100);
  const more = new HashTrie();
  for (let n = 0; n < 2_000; n++) more.set(hashKey(`${n}`), hashKey("1"), 0);
  const union = unionOf(tries);
  const missed = more.leaves().filter((leaf) => union.matches(leaf));
  expect(missed).toEqual([]);
  expect(tries[2].leaves().every((leaf) => more.matches(leaf))).toBe(false);
  const told = more.leaves().flatMap((leaf) => cut(union.pairs(leaf)));
  expect(told.toSorted()).toEqual(cut(union.pairs({ bits: 0, prefix: 0 })));
});

test("[LOG18] [LOG55] a digest is made in parts: no more leaves at once than are asked for", () => {
  const tries = filled(20_000, 5_000);
  let events = 0;
  while (!tries[0].refresh(10)) events++;
  expect(events).toBeGreaterThanOrEqual(Math.floor(tries[0].leaves().length / 10) - 1);
  const union = unionOf(tries);
  events = 0;
  while (!union.refresh(10)) events++;
  expect(events).toBeGreaterThanOrEqual(Math.floor(tries[2].leaves().length / 10) - 1);
  // One change costs one leaf.
  set(tries, 0, 1, "2");
  expect(union.refresh(1)).toBe(true);
  expect(toHex(union.digest())).toBe(toHex(tries[2].digest()));
});

test("[LOG6] parts that have keys in common are found in one pass", () => {
  const [few, many] = [filled(700, 0)[0].leaves(), filled(9_000, 0)[0].leaves()];
  expect(overlapping(many, few)).toEqual(many);
  expect(overlapping(few, many)).toEqual(few);
  expect(overlapping(many, [])).toEqual([]);
  const some = many.filter((_, i) => i % 5 === 2);
  expect(overlapping(many, some)).toEqual(some);
  const [low] = few;
  expect(
    overlapping(many, few.slice(0, 1)).every(({ prefix }) => prefix < 2 ** (32 - (low?.bits ?? 0))),
  ).toBe(true);
});

/** A trie whose nodes tell when somebody goes down from them. */
function watched(trie: HashTrie, onStep: () => void): HashTrie {
  const over = (node: TrieNode): TrieNode =>
    new Proxy(node, {
      get: (target, name) => {
        const value = Reflect.get(target, name) as unknown;
        if (name !== "left" && name !== "right") return value;
        onStep();
        return over(value as TrieNode);
      },
    });
  return {
    refresh: (leaves: number) => trie.refresh(leaves),
    digest: () => trie.digest(),
    get root() {
      return over(trie.root);
    },
  } as HashTrie;
}

test("[LOG18] a part of a digest looks at its own leaves only, not at all that are left", () => {
  const [first, second] = filled(60_000, 6_000);
  first.digest();
  second.digest();
  let steps = 0;
  const union = new PairUnion(() => [watched(first, () => steps++), second, NONE]);
  const parts: number[] = [];
  for (let isDone = false; !isDone; steps = 0) {
    isDone = union.refresh(1);
    parts.push(steps);
  }
  expect(parts.length).toBeGreaterThan(100);
  expect(Math.max(...parts)).toBeLessThan(60);
});

test("[ADM11] where a key is in both sets the second one counts: of an endpoint that is admitted in part the whole was received", () => {
  const changes = fc.array(
    fc.tuple(fc.constantFrom("first", "second", "both", "none"), fc.nat(1_500)),
    {
      maxLength: 1_500,
    },
  );
  fc.assert(
    fc.property(changes, fc.integer({ min: 1, max: 9 }), (all, leaves) => {
      const [first, second, both, whole] = Array.from({ length: 4 }, () => new HashTrie()) as [
        HashTrie,
        HashTrie,
        HashTrie,
        HashTrie,
      ];
      const union = new PairUnion(() => [first, second, both]);
      for (const [i, [where, n]] of all.entries()) {
        const key = hashKey(`${n}`);
        for (const trie of [first, second, both, whole]) trie.delete(key);
        if (where !== "none")
          whole.set(key, hashKey(`${where === "first" ? "trimmed" : "kept"}${i}`), 0);
        if (where === "first" || where === "both") first.set(key, hashKey(`trimmed${i}`), 0);
        if (where === "second" || where === "both") second.set(key, hashKey(`kept${i}`), 0);
        if (where === "both") both.set(key, hashKey(`kept${i}`), 0);
        if (i % 400 === 0) expect(toHex(union.digest())).toBe(toHex(whole.digest()));
      }
      while (!union.refresh(leaves));
      expect(toHex(union.digest())).toBe(toHex(whole.digest()));
      expect(whole.leaves().every((leaf) => union.matches(leaf))).toBe(true);
      expect(whole.leaves().flatMap((leaf) => cut(union.pairs(leaf)))).toEqual(
        whole.leaves().flatMap((leaf) => pairsIn(whole, leaf).toSorted()),
      );
    }),
    { numRuns: 40 },
  );
});
