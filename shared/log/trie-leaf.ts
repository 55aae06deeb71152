/**
 * A leaf of the trie: entries of 32 bytes in key order, key hash 12, record hash 12, tag 8 (a
 * number, free for the owner: a revision, a place on disk). A change costs one binary search and
 * one move within ≤ 16 KB.
 */
import { HASH_BYTES } from "../record/encoding.ts";
import { prefixOf } from "./partition.ts";
import type { Partition } from "./partition.ts";

export const ENTRY_BYTES = 32;
/** Key and record hash. */
export const PAIR_BYTES = 2 * HASH_BYTES;
const TAG_OFFSET = PAIR_BYTES;
const ENTRY_WORDS = ENTRY_BYTES / 4;
const PAIR_WORDS = PAIR_BYTES / 4;

export interface TrieEntry {
  readonly keyHash: Uint8Array;
  readonly recordHash: Uint8Array;
  readonly tag: number;
}

export interface Leaf {
  readonly isLeaf: true;
  count: number;
  bytes: Uint8Array;
  /** The same buffer, for the tags: the last eight bytes of each entry. */
  tags: Float64Array;
  digest: Uint8Array | null;
}

export function leafOf(bytes: Uint8Array, count: number): Leaf {
  return { isLeaf: true, count, bytes, tags: new Float64Array(bytes.buffer), digest: null };
}

export function emptyLeaf(capacity = 4): Leaf {
  return leafOf(new Uint8Array(capacity * ENTRY_BYTES), 0);
}

/** A leaf of pairs in key order, with tag 0. */
export function leafOfPairs(pairs: Uint8Array, from: number, to: number): Leaf {
  const leaf = emptyLeaf(Math.max(to - from, 4));
  for (let i = from; i < to; i++)
    leaf.bytes.set(pairs.subarray(i * PAIR_BYTES, (i + 1) * PAIR_BYTES), (i - from) * ENTRY_BYTES);
  leaf.count = to - from;
  return leaf;
}

function tagIndex(index: number): number {
  return (index * ENTRY_BYTES + TAG_OFFSET) / 8;
}

/**
 * The entries of a leaf that lie in a partition: they are in order, so two binary searches find
 * them.
 */
export function rangeOf(leaf: Leaf, partition: Partition): readonly [from: number, to: number] {
  const first = (bound: number): number => {
    let [low, high] = [0, leaf.count];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (prefixOf(leaf.bytes.subarray(middle * ENTRY_BYTES)) < bound) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  return [first(partition.prefix), first(partition.prefix + 2 ** (32 - partition.bits))];
}

/** Index of the key, or the complement of where it belongs. */
export function search(leaf: Leaf, keyHash: Uint8Array): number {
  let low = 0;
  let high = leaf.count - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const order = compareAt(leaf.bytes, middle * ENTRY_BYTES, keyHash);
    if (order === 0) return middle;
    if (order < 0) low = middle + 1;
    else high = middle - 1;
  }
  return ~low;
}

function compareAt(bytes: Uint8Array, offset: number, keyHash: Uint8Array): number {
  for (let i = 0; i < HASH_BYTES; i++) {
    const difference = (bytes[offset + i] ?? 0) - (keyHash[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function sameHash(bytes: Uint8Array, offset: number, hash: Uint8Array): boolean {
  return compareAt(bytes, offset, hash) === 0;
}

/** Makes room at `at`; the caller counts. */
export function insert(
  leaf: Leaf,
  at: number,
  keyHash: Uint8Array,
  recordHash: Uint8Array,
  tag: number,
): void {
  if ((leaf.count + 1) * ENTRY_BYTES > leaf.bytes.length) {
    const grown = new Uint8Array(Math.ceil((leaf.count + 1) * 1.5) * ENTRY_BYTES);
    grown.set(leaf.bytes);
    leaf.bytes = grown;
    leaf.tags = new Float64Array(grown.buffer);
  }
  const offset = at * ENTRY_BYTES;
  leaf.bytes.copyWithin(offset + ENTRY_BYTES, offset, leaf.count * ENTRY_BYTES);
  copyHash(keyHash, leaf.bytes, offset);
  copyHash(recordHash, leaf.bytes, offset + HASH_BYTES);
  leaf.tags[tagIndex(at)] = tag;
}

export function remove(leaf: Leaf, at: number): void {
  leaf.bytes.copyWithin(at * ENTRY_BYTES, (at + 1) * ENTRY_BYTES, leaf.count * ENTRY_BYTES);
}

export function setTag(leaf: Leaf, index: number, tag: number): void {
  leaf.tags[tagIndex(index)] = tag;
}

/** Answers whether the hash is another. */
export function setRecordHash(leaf: Leaf, index: number, recordHash: Uint8Array): boolean {
  const offset = index * ENTRY_BYTES + HASH_BYTES;
  if (sameHash(leaf.bytes, offset, recordHash)) return false;
  copyHash(recordHash, leaf.bytes, offset);
  return true;
}

export function hasRecordHash(leaf: Leaf, index: number, recordHash: Uint8Array): boolean {
  return sameHash(leaf.bytes, index * ENTRY_BYTES + HASH_BYTES, recordHash);
}

/** Twelve bytes: a loop is faster than a call of the runtime. */
export function copyHash(hash: Uint8Array, to: Uint8Array, offset: number): void {
  for (let i = 0; i < HASH_BYTES; i++) to[offset + i] = hash[i] as number;
}

export function tagAt(leaf: Leaf, index: number): number {
  return leaf.tags[tagIndex(index)] as number;
}

export function entryAt(leaf: Leaf, index: number): TrieEntry {
  const offset = index * ENTRY_BYTES;
  return {
    keyHash: leaf.bytes.slice(offset, offset + HASH_BYTES),
    recordHash: leaf.bytes.slice(offset + HASH_BYTES, offset + TAG_OFFSET),
    tag: tagAt(leaf, index),
  };
}

export function leafEntries(leaf: Leaf): TrieEntry[] {
  return Array.from({ length: leaf.count }, (_, i) => entryAt(leaf, i));
}

/**
 * Key and record hashes of a leaf, or of a range of it, of which its digest is made. By words: a
 * whole index is copied in 2 ms, byte range by byte range in 30.
 */
export function pairsOf(leaf: Leaf, from = 0, to = leaf.count): Uint8Array {
  const entries = new Uint32Array(leaf.bytes.buffer);
  const pairs = new Uint32Array((to - from) * PAIR_WORDS);
  for (let i = from; i < to; i++) {
    const [entry, pair] = [i * ENTRY_WORDS, (i - from) * PAIR_WORDS];
    for (let word = 0; word < PAIR_WORDS; word++)
      pairs[pair + word] = entries[entry + word] as number;
  }
  return new Uint8Array(pairs.buffer);
}
