/**
 * The digest of two sets together: made from their tries, node by node, and of each node remembered
 * for as long as neither set has changed there. It is the digest that one trie of all their pairs
 * would have. Where a key is in both, the second set's pair counts; a third trie has the keys of
 * which that is so.
 */
import { concatBytes, equalBytes } from "../../../shared/lib/bytes.ts";
import { must } from "../../../shared/lib/assert.ts";
import type { HashTrie } from "../../../shared/log/hash-trie.ts";
import { bitOf, splitPartition, WHOLE } from "../../../shared/log/partition.ts";
import type { Partition, PartitionDigest } from "../../../shared/log/partition.ts";
import { PAIR_BYTES, pairsOf, rangeOf } from "../../../shared/log/trie-leaf.ts";
import { digestInner, digestLeaf, LEAF_KEYS } from "../../../shared/log/trie-node.ts";
import type { TrieNode } from "../../../shared/log/trie-node.ts";
import { HASH_BYTES } from "../../../shared/record/encoding.ts";

/** A node; of a leaf perhaps a range only. */
interface NodeRange {
  readonly node: TrieNode;
  readonly from: number;
  readonly to: number;
}

/** Nodes of the first set, of the second, and of the keys that are in both. */
type Ranges = readonly [NodeRange, NodeRange, NodeRange];
type Tries = readonly [HashTrie, HashTrie, HashTrie];

interface Known {
  /** Digests of the nodes as they were: a node that changes gets another. */
  readonly of: readonly Uint8Array[];
  readonly digest: Uint8Array;
}

/**
 * Cache size, far more than there are nodes. The cache is cleared when full, because entries of
 * nodes that no longer exist are never removed one by one.
 */
const MAX_KNOWN = 16_384;
const KNOWN_BYTES = 200;

export class PairUnion {
  readonly #tries: () => Tries;
  readonly #known = new Map<number, Known>();
  #left = 0;

  /** @param tries The larger one, the other one, and the keys of both with any hash. */
  constructor(tries: () => Tries) {
    this.#tries = tries;
  }

  /** Approximate memory. */
  get bytes(): number {
    return this.#known.size * KNOWN_BYTES;
  }

  /** Hashes at most so many leaves, and answers whether the digest is known then. */
  refresh(leaves: number): boolean {
    if (!this.#tries().every((trie) => trie.refresh(leaves))) return false;
    this.#left = leaves;
    return this.#digestOf(this.#whole(), WHOLE) !== null;
  }

  digest(): Uint8Array {
    while (!this.refresh(Number.POSITIVE_INFINITY));
    return must(this.#digestOf(this.#whole(), WHOLE), "a digest");
  }

  /**
   * Whether these keys are the same here. Where the leaf is smaller than one of ours, the other
   * party has more keys around it than we, so something differs there.
   */
  matches(leaf: PartitionDigest): boolean {
    let ranges = this.#whole();
    for (let bits = 1; bits <= leaf.bits; bits++) {
      if (countOf(ranges) <= LEAF_KEYS) return false;
      ranges = narrowed(ranges, within(leaf, bits));
    }
    this.#left = Number.POSITIVE_INFINITY;
    const digest = this.#digestOf(ranges, { bits: leaf.bits, prefix: leaf.prefix });
    return equalBytes(must(digest, "a digest"), leaf.digest);
  }

  /** All pairs of a partition, in no order. */
  pairs(partition: Partition): Uint8Array {
    let ranges = this.#whole();
    for (let bits = 1; bits <= partition.bits; bits++)
      ranges = narrowed(ranges, within(partition, bits));
    return mergedPairs(ranges);
  }

  #whole(): Ranges {
    const [first, second, both] = this.#tries();
    for (const trie of [first, second, both]) trie.digest();
    return [wholeOf(first.root), wholeOf(second.root), wholeOf(both.root)];
  }

  /** `null` where more leaves would have to be hashed than may be. */
  #digestOf(ranges: Ranges, partition: Partition): Uint8Array | null {
    const [first, second] = ranges;
    if (isEmpty(second) && isWhole(first)) return first.node.digest;
    if (isEmpty(first) && isWhole(second)) return second.node.digest;
    const of = ranges.map(digestOfNode);
    const id = partition.prefix * 64 + partition.bits;
    const known = this.#known.get(id);
    if (known?.of.every((digest, i) => digest === of[i]) === true) return known.digest;
    const digest =
      countOf(ranges) <= LEAF_KEYS || partition.bits >= 32
        ? this.#leafDigest(ranges)
        : this.#innerDigest(ranges, partition);
    if (digest === null) return null;
    if (this.#known.size >= MAX_KNOWN) this.#known.clear();
    this.#known.set(id, { of, digest });
    return digest;
  }

  #leafDigest(ranges: Ranges): Uint8Array | null {
    if (this.#left <= 0) return null;
    this.#left--;
    return digestLeaf(mergedPairs(ranges));
  }

  #innerDigest(ranges: Ranges, partition: Partition): Uint8Array | null {
    const [low, high] = splitPartition(partition);
    const left = this.#digestOf(narrowed(ranges, low), low);
    // No leaf may be hashed any more: to look at all that are left would cost as much each time.
    if (left === null) return null;
    const right = this.#digestOf(narrowed(ranges, high), high);
    return right === null ? null : digestInner(left, right);
  }
}

function wholeOf(node: TrieNode): NodeRange {
  return { node, from: 0, to: node.count };
}

function isWhole({ node, from, to }: NodeRange): boolean {
  return from === 0 && to === node.count;
}

function isEmpty({ from, to }: NodeRange): boolean {
  return from === to;
}

function countOf([first, second, both]: Ranges): number {
  return sizeOf(first) + sizeOf(second) - sizeOf(both);
}

function sizeOf({ from, to }: NodeRange): number {
  return to - from;
}

function digestOfNode({ node }: NodeRange): Uint8Array {
  return must(node.digest, "the digest of a node");
}

/** The partition of so many bits that has this one. */
function within({ prefix }: Partition, bits: number): Partition {
  return { bits, prefix: ((prefix >>> (32 - bits)) << (32 - bits)) >>> 0 };
}

/** @param half Half of the partition that the ranges lie in. */
function narrowed(ranges: Ranges, half: Partition): Ranges {
  const [first, second, both] = ranges;
  return [halfOf(first, half), halfOf(second, half), halfOf(both, half)];
}

function halfOf({ node, from, to }: NodeRange, half: Partition): NodeRange {
  if (!node.isLeaf)
    return wholeOf(bitOf(half.prefix, half.bits - 1) === 0 ? node.left : node.right);
  const [first, end] = rangeOf(node, half);
  return { node, from: Math.max(from, first), to: Math.max(from, first, Math.min(to, end)) };
}

function pairsUnder({ node, from, to }: NodeRange): Uint8Array[] {
  if (node.isLeaf) return from === to ? [] : [pairsOf(node, from, to)];
  return [...pairsUnder(wholeOf(node.left)), ...pairsUnder(wholeOf(node.right))];
}

function mergedPairs([first, second]: Ranges): Uint8Array {
  return merged(concatBytes(...pairsUnder(first)), concatBytes(...pairsUnder(second)));
}

/** Both in key order, as is the answer. Of the first, the larger one, whole runs are copied. */
function merged(a: Uint8Array, b: Uint8Array): Uint8Array {
  if (b.length === 0) return a;
  const all = new Uint8Array(a.length + b.length);
  let [from, at] = [0, 0];
  for (let j = 0; j < b.length; j += PAIR_BYTES) {
    let to = from;
    while (to < a.length && compareKeys(a, to, b, j) < 0) to += PAIR_BYTES;
    all.set(a.subarray(from, to), at);
    at += to - from;
    all.set(b.subarray(j, j + PAIR_BYTES), at);
    at += PAIR_BYTES;
    from = to < a.length && compareKeys(a, to, b, j) === 0 ? to + PAIR_BYTES : to;
  }
  all.set(a.subarray(from), at);
  return all.subarray(0, at + a.length - from);
}

/** Below 0: the key at `i` of `a` comes first. */
function compareKeys(a: Uint8Array, i: number, b: Uint8Array, j: number): number {
  for (let byte = 0; byte < HASH_BYTES; byte++) {
    const difference = (a[i + byte] as number) - (b[j + byte] as number);
    if (difference !== 0) return difference;
  }
  return 0;
}
