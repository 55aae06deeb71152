/** The nodes of a trie of key hashes: growing, splitting, merging, digests. */
import { concatBytes } from "../lib/bytes.ts";
import { sha256 } from "../lib/hash.ts";
import { bitOf, prefixOf } from "./partition.ts";
import { ENTRY_BYTES, leafOf, leafOfPairs, PAIR_BYTES, pairsOf } from "./trie-leaf.ts";
import type { Leaf } from "./trie-leaf.ts";

export const LEAF_KEYS = 512;
export const DIGEST_BYTES = 16;

export interface Inner {
  readonly isLeaf: false;
  count: number;
  left: TrieNode;
  right: TrieNode;
  digest: Uint8Array | null;
}

export type TrieNode = Leaf | Inner;

export function cloneNode(node: TrieNode): TrieNode {
  return node.isLeaf
    ? { ...leafOf(node.bytes.slice(), node.count), digest: node.digest }
    : { ...node, left: cloneNode(node.left), right: cloneNode(node.right) };
}

export function* leavesUnder(node: TrieNode): Generator<Leaf> {
  if (node.isLeaf) {
    yield node;
    return;
  }
  yield* leavesUnder(node.left);
  yield* leavesUnder(node.right);
}

export function* growSorted(
  pairs: Uint8Array,
  from: number,
  to: number,
  depth: number,
): Generator<number, TrieNode> {
  if (to - from <= LEAF_KEYS || depth >= 32) {
    const leaf = leafOfPairs(pairs, from, to);
    digestOf(leaf);
    yield leaf.count;
    return leaf;
  }
  let [low, high] = [from, to];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (bitOf(prefixOf(pairs.subarray(middle * PAIR_BYTES)), depth) === 0) low = middle + 1;
    else high = middle;
  }
  const left = yield* growSorted(pairs, from, low, depth + 1);
  const right = yield* growSorted(pairs, low, to, depth + 1);
  return { isLeaf: false, count: to - from, left, right, digest: null };
}

/** Splits an overfull leaf at `depth`, again where all keys fell on one side. */
export function splitLeaf(leaf: Leaf, depth: number): TrieNode {
  if (leaf.count <= LEAF_KEYS || depth >= 32) return leaf;
  let low = 0;
  while (low < leaf.count && bitOf(prefixOf(leaf.bytes.subarray(low * ENTRY_BYTES)), depth) === 0)
    low++;
  const half = (from: number, to: number): Leaf =>
    leafOf(leaf.bytes.slice(from * ENTRY_BYTES, to * ENTRY_BYTES), to - from);
  return {
    isLeaf: false,
    count: leaf.count,
    left: splitLeaf(half(0, low), depth + 1),
    right: splitLeaf(half(low, leaf.count), depth + 1),
    digest: null,
  };
}

export function mergeLeaves(node: Inner): Leaf {
  const parts = [...leavesUnder(node)].map((leaf) =>
    leaf.bytes.subarray(0, leaf.count * ENTRY_BYTES),
  );
  return leafOf(concatBytes(...parts), node.count);
}

const LEAF_MARK = Uint8Array.of(0);
const INNER_MARK = Uint8Array.of(1);

export function digestLeaf(...pairs: readonly Uint8Array[]): Uint8Array {
  return sha256(LEAF_MARK, ...pairs).slice(0, DIGEST_BYTES);
}

export function digestInner(left: Uint8Array, right: Uint8Array): Uint8Array {
  return sha256(INNER_MARK, left, right).slice(0, DIGEST_BYTES);
}

export function digestOf(node: TrieNode): Uint8Array {
  node.digest ??= node.isLeaf
    ? digestLeaf(pairsOf(node))
    : digestInner(digestOf(node.left), digestOf(node.right));
  return node.digest;
}

/** Answers how many more leaves may be hashed. */
export function refreshNode(node: TrieNode, leaves: number): number {
  if (node.digest !== null || leaves <= 0) return leaves;
  const left = node.isLeaf ? leaves - 1 : refreshNode(node.right, refreshNode(node.left, leaves));
  if (node.isLeaf || (node.left.digest !== null && node.right.digest !== null)) digestOf(node);
  return left;
}

export function staleUnder(node: TrieNode, most: number): number {
  if (node.digest !== null || most <= 0) return 0;
  if (node.isLeaf) return 1;
  const low = staleUnder(node.left, most);
  return low + staleUnder(node.right, most - low);
}
