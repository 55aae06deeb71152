/**
 * The index of a channel and its digest: a binary trie over key hashes whose leaves hold at most `LEAF_KEYS` sorted entries.
 *
 * The shape is a function of the set alone: a node is a leaf exactly when it has at most `LEAF_KEYS` keys. So two parties that hold the
 * same set have the same tree, and may compare any subtree by its digest without agreeing on a number of partitions first; one that
 * grew a partition needs to tell nobody. (A fixed power of two of partitions, the obvious alternative, must be renegotiated when it
 * doubles, and every digest changes with it.) [LOG5]
 */
import { concatBytes, equalBytes } from "../lib/bytes.ts";
import { sha256 } from "../lib/hash.ts";
import { bitOf, partitionHas, prefixOf, splitPartition, WHOLE } from "./partition.ts";
import type { Partition, PartitionDigest } from "./partition.ts";
import {
  emptyLeaf,
  ENTRY_BYTES,
  entryAt,
  hasRecordHash,
  insert,
  leafEntries,
  leafOf,
  leafOfPairs,
  PAIR_BYTES,
  pairsOf,
  remove,
  search,
  setRecordHash,
  setTag,
  tagAt,
} from "./trie-leaf.ts";
import type { Leaf, TrieEntry } from "./trie-leaf.ts";

export const LEAF_KEYS = 512;
export const DIGEST_BYTES = 16;
/** Of a leaf's objects and its share of the nodes above it. */
const NODE_BYTES = 400;

export interface Inner {
  readonly isLeaf: false;
  count: number;
  left: TrieNode;
  right: TrieNode;
  digest: Uint8Array | null;
}

export type TrieNode = Leaf | Inner;

export class HashTrie {
  #root: TrieNode = emptyLeaf();

  /**
   * The trie of pairs of key and record hash, which are in key order, with tag 0, and the digests of its leaves. It is made leaf by leaf and yields how
   * many pairs each had: ten times faster than one by one.
   */
  static *ofSorted(pairs: Uint8Array): Generator<number, HashTrie> {
    const trie = new HashTrie();
    trie.#root = yield* grow(pairs, 0, pairs.length / PAIR_BYTES, 0);
    return trie;
  }

  get size(): number {
    return this.#root.count;
  }

  /** For who walks several tries together. Not to be changed. */
  get root(): TrieNode {
    return this.#root;
  }

  /** What it needs of memory, about. */
  get bytes(): number {
    let bytes = 0;
    for (const leaf of leavesUnder(this.#root)) bytes += leaf.bytes.length + NODE_BYTES;
    return bytes;
  }

  /** The entry of a key, or `undefined`. The arrays are copies. */
  get(keyHash: Uint8Array): TrieEntry | undefined {
    const leaf = this.#leafOf(keyHash);
    const at = search(leaf, keyHash);
    return at < 0 ? undefined : entryAt(leaf, at);
  }

  /** The tag of a key, or `undefined`: the cheap part of `get`. */
  tagOf(keyHash: Uint8Array): number | undefined {
    const leaf = this.#leafOf(keyHash);
    const at = search(leaf, keyHash);
    return at < 0 ? undefined : tagAt(leaf, at);
  }

  /** Whether this very record is there, another of the key, or none. */
  compare(keyHash: Uint8Array, recordHash: Uint8Array): "same" | "other" | "absent" {
    const leaf = this.#leafOf(keyHash);
    const at = search(leaf, keyHash);
    if (at < 0) return "absent";
    return hasRecordHash(leaf, at, recordHash) ? "same" : "other";
  }

  /** Adds or replaces; answers whether the key or its record hash is new (a tag alone does not touch digests). */
  set(keyHash: Uint8Array, recordHash: Uint8Array, tag: number): boolean {
    const known = this.#leafOf(keyHash);
    const index = search(known, keyHash);
    if (index >= 0) {
      setTag(known, index, tag);
      const isNew = setRecordHash(known, index, recordHash);
      if (isNew) this.#forgetDigests(keyHash);
      return isNew;
    }
    const path = this.#pathTo(keyHash);
    const leaf = path.at(-1) as Leaf;
    insert(leaf, ~index, keyHash, recordHash, tag);
    for (const node of path) {
      node.count++;
      node.digest = null;
    }
    if (leaf.count > LEAF_KEYS) this.#replace(path, split(leaf, path.length - 1));
    return true;
  }

  /** Answers whether the key was there. */
  delete(keyHash: Uint8Array): boolean {
    const path = this.#pathTo(keyHash);
    const leaf = path.at(-1) as Leaf;
    const at = search(leaf, keyHash);
    if (at < 0) return false;
    remove(leaf, at);
    for (const node of path) {
      node.count--;
      node.digest = null;
    }
    const highest = path.findIndex((node) => !node.isLeaf && node.count <= LEAF_KEYS);
    if (highest >= 0) this.#replace(path.slice(0, highest + 1), merge(path[highest] as Inner));
    return true;
  }

  /** An independent copy, cached digests included. */
  clone(): HashTrie {
    const copy = new HashTrie();
    copy.#root = cloneNode(this.#root);
    return copy;
  }

  /** Digest of the whole set. */
  digest(): Uint8Array {
    return digestOf(this.#root);
  }

  /**
   * Hashes at most so many of the leaves that have changed, and answers whether the digest of the whole set is known then: to hash all leaves of a large set
   * in one event takes others' time. [LOG18]
   */
  refresh(leaves: number): boolean {
    this.refreshWithin(leaves);
    return this.#root.digest !== null;
  }

  /** The same; answers how many more could have been hashed. */
  refreshWithin(leaves: number): number {
    return refresh(this.#root, leaves);
  }

  /** Leaves that must be hashed before the digest of the whole set is known; counts no further than `most`. */
  staleLeaves(most: number): number {
    return staleUnder(this.#root, most);
  }

  /**
   * Whether these keys are the same here. Where the leaf is smaller than one of ours the other party has more keys around it than we, so something differs
   * there, and what it is need not be known so exactly.
   */
  matches(leaf: PartitionDigest): boolean {
    let node = this.#root;
    for (let depth = 0; depth < leaf.bits; depth++) {
      if (node.isLeaf) return false;
      node = bitOf(leaf.prefix, depth) === 0 ? node.left : node.right;
    }
    return equalBytes(digestOf(node), leaf.digest);
  }

  /** Leaves in key order with their digests: what a party that asks for a repair sends. */
  leaves(): PartitionDigest[] {
    const found: PartitionDigest[] = [];
    const visit = (node: TrieNode, partition: Partition): void => {
      if (node.isLeaf) {
        found.push({ ...partition, digest: digestOf(node) });
        return;
      }
      const [low, high] = splitPartition(partition);
      visit(node.left, low);
      visit(node.right, high);
    };
    visit(this.#root, WHOLE);
    return found;
  }

  /** Entries of a partition in key-hash order. */
  *entries(partition: Partition = WHOLE): Generator<TrieEntry> {
    let node = this.#root;
    for (let depth = 0; depth < partition.bits && !node.isLeaf; depth++)
      node = bitOf(partition.prefix, depth) === 0 ? node.left : node.right;
    for (const leaf of leavesUnder(node))
      for (const entry of leafEntries(leaf))
        if (partitionHas(partition, entry.keyHash)) yield entry;
  }

  #leafOf(keyHash: Uint8Array): Leaf {
    const prefix = prefixOf(keyHash);
    let node = this.#root;
    for (let depth = 0; !node.isLeaf; depth++)
      node = bitOf(prefix, depth) === 0 ? node.left : node.right;
    return node;
  }

  #forgetDigests(keyHash: Uint8Array): void {
    const prefix = prefixOf(keyHash);
    let node = this.#root;
    for (let depth = 0; ; depth++) {
      node.digest = null;
      if (node.isLeaf) return;
      node = bitOf(prefix, depth) === 0 ? node.left : node.right;
    }
  }

  #pathTo(keyHash: Uint8Array): TrieNode[] {
    const prefix = prefixOf(keyHash);
    const path: TrieNode[] = [this.#root];
    let node = this.#root;
    while (!node.isLeaf) {
      node = bitOf(prefix, path.length - 1) === 0 ? node.left : node.right;
      path.push(node);
    }
    return path;
  }

  #replace(path: readonly TrieNode[], replacement: TrieNode): void {
    const old = path.at(-1);
    const parent = path.at(-2);
    if (parent === undefined) this.#root = replacement;
    else if (!parent.isLeaf && parent.left === old) parent.left = replacement;
    else if (!parent.isLeaf) parent.right = replacement;
  }
}

function cloneNode(node: TrieNode): TrieNode {
  return node.isLeaf
    ? { ...leafOf(node.bytes.slice(), node.count), digest: node.digest }
    : { ...node, left: cloneNode(node.left), right: cloneNode(node.right) };
}

function* leavesUnder(node: TrieNode): Generator<Leaf> {
  if (node.isLeaf) {
    yield node;
    return;
  }
  yield* leavesUnder(node.left);
  yield* leavesUnder(node.right);
}

function* grow(
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
  const left = yield* grow(pairs, from, low, depth + 1);
  const right = yield* grow(pairs, low, to, depth + 1);
  return { isLeaf: false, count: to - from, left, right, digest: null };
}

/** Splits an overfull leaf at `depth`, again where all keys fell on one side. */
function split(leaf: Leaf, depth: number): TrieNode {
  if (leaf.count <= LEAF_KEYS || depth >= 32) return leaf;
  let low = 0;
  while (low < leaf.count && bitOf(prefixOf(leaf.bytes.subarray(low * ENTRY_BYTES)), depth) === 0)
    low++;
  const half = (from: number, to: number): Leaf =>
    leafOf(leaf.bytes.slice(from * ENTRY_BYTES, to * ENTRY_BYTES), to - from);
  return {
    isLeaf: false,
    count: leaf.count,
    left: split(half(0, low), depth + 1),
    right: split(half(low, leaf.count), depth + 1),
    digest: null,
  };
}

function merge(node: Inner): Leaf {
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

function digestOf(node: TrieNode): Uint8Array {
  node.digest ??= node.isLeaf
    ? digestLeaf(pairsOf(node))
    : digestInner(digestOf(node.left), digestOf(node.right));
  return node.digest;
}

/** Answers how many more leaves may be hashed. */
function refresh(node: TrieNode, leaves: number): number {
  if (node.digest !== null || leaves <= 0) return leaves;
  const left = node.isLeaf ? leaves - 1 : refresh(node.right, refresh(node.left, leaves));
  if (node.isLeaf || (node.left.digest !== null && node.right.digest !== null)) digestOf(node);
  return left;
}

function staleUnder(node: TrieNode, most: number): number {
  if (node.digest !== null || most <= 0) return 0;
  if (node.isLeaf) return 1;
  const low = staleUnder(node.left, most);
  return low + staleUnder(node.right, most - low);
}
