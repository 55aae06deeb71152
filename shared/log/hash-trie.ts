/**
 * The index of a channel and its digest: a binary trie over key hashes whose leaves hold at most `LEAF_KEYS` sorted entries.
 *
 * The shape is a function of the set alone: a node is a leaf exactly when it has at most `LEAF_KEYS` keys. So two parties that hold the
 * same set have the same tree, and may compare any subtree by its digest without agreeing on a number of partitions first; one that
 * grew a partition needs to tell nobody. (A fixed power of two of partitions, the obvious alternative, must be renegotiated when it
 * doubles, and every digest changes with it.) [LOG5]
 *
 * Entries are 32 bytes: key hash 12, record hash 12, tag 8 (a number, free for the owner: a revision, a place on disk). A change costs one binary search, one
 * move within ≤ 16 KB, and the cached digests on its path.
 */
import { HASH_BYTES } from "../record/encoding.ts";
import { concatBytes } from "../lib/bytes.ts";
import { sha256 } from "../lib/hash.ts";

export const LEAF_KEYS = 512;
export const DIGEST_BYTES = 16;
const ENTRY_BYTES = 32;
const TAG_OFFSET = 2 * HASH_BYTES;
/** Of a leaf's objects and its share of the nodes above it. */
const NODE_BYTES = 400;

/** A subtree: the keys whose hash begins with the first `bits` bits of `prefix` (an unsigned 32-bit number, left-aligned). */
export interface Partition {
  readonly bits: number;
  readonly prefix: number;
}

export const WHOLE: Partition = { bits: 0, prefix: 0 };

export interface PartitionDigest extends Partition {
  readonly digest: Uint8Array;
}

export interface TrieEntry {
  readonly keyHash: Uint8Array;
  readonly recordHash: Uint8Array;
  readonly tag: number;
}

interface Leaf {
  readonly isLeaf: true;
  count: number;
  bytes: Uint8Array;
  /** The same buffer, for the tags: the last eight bytes of each entry. */
  tags: Float64Array;
  digest: Uint8Array | null;
}

interface Inner {
  readonly isLeaf: false;
  count: number;
  left: TrieNode;
  right: TrieNode;
  digest: Uint8Array | null;
}

type TrieNode = Leaf | Inner;

/** The top 32 bits of a key hash: what partitions are cut by. */
export function prefixOf(keyHash: Uint8Array): number {
  return (
    (((keyHash[0] ?? 0) << 24) |
      ((keyHash[1] ?? 0) << 16) |
      ((keyHash[2] ?? 0) << 8) |
      (keyHash[3] ?? 0)) >>>
    0
  );
}

export function partitionHas(partition: Partition, keyHash: Uint8Array): boolean {
  return (
    partition.bits === 0 || (prefixOf(keyHash) ^ partition.prefix) >>> (32 - partition.bits) === 0
  );
}

/** The two halves of a partition. @throws when it has 32 bits: 512 keys never share a 32-bit prefix by accident. */
export function splitPartition(partition: Partition): readonly [Partition, Partition] {
  if (partition.bits >= 32) throw new Error("BUG: a partition of 32 bits cannot be split");
  const bits = partition.bits + 1;
  return [
    { bits, prefix: partition.prefix },
    { bits, prefix: (partition.prefix | (1 << (32 - bits))) >>> 0 },
  ];
}

/**
 * Whether partitions come in order and do not overlap, as the leaves of any trie do: then work on all of them together is bounded by the keys, however
 * many a hostile peer names. [PRO4]
 */
export function areDisjoint(partitions: readonly Partition[]): boolean {
  let end = 0;
  for (const { bits, prefix } of partitions) {
    const size = 2 ** (32 - bits);
    if (prefix < end || prefix % size !== 0) return false;
    end = prefix + size;
  }
  return true;
}

export class HashTrie {
  #root: TrieNode = emptyLeaf();

  get size(): number {
    return this.#root.count;
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
    return sameHash(leaf.bytes, at * ENTRY_BYTES + HASH_BYTES, recordHash) ? "same" : "other";
  }

  /** Adds or replaces; answers whether the key or its record hash is new (a tag alone does not touch digests). */
  set(keyHash: Uint8Array, recordHash: Uint8Array, tag: number): boolean {
    const known = this.#leafOf(keyHash);
    const index = search(known, keyHash);
    if (index >= 0) {
      known.tags[tagIndex(index)] = tag;
      const offset = index * ENTRY_BYTES + HASH_BYTES;
      if (sameHash(known.bytes, offset, recordHash)) return false;
      copyHash(recordHash, known.bytes, offset);
      this.#forgetDigests(keyHash);
      return true;
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
    leaf.bytes.copyWithin(at * ENTRY_BYTES, (at + 1) * ENTRY_BYTES, leaf.count * ENTRY_BYTES);
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

  /** Digest of the keys in a partition, whether or not it is a leaf here: equal for equal sets. */
  digestAt(partition: Partition): Uint8Array {
    let node = this.#root;
    for (let depth = 0; depth < partition.bits; depth++) {
      if (node.isLeaf) {
        const [from, to] = rangeOf(node, partition);
        return digestLeaf(pairsOf(node, from, to));
      }
      node = bitOf(partition.prefix, depth) === 0 ? node.left : node.right;
    }
    return digestOf(node);
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

function leafOf(bytes: Uint8Array, count: number): Leaf {
  return { isLeaf: true, count, bytes, tags: new Float64Array(bytes.buffer), digest: null };
}

function emptyLeaf(capacity = 4): Leaf {
  return leafOf(new Uint8Array(capacity * ENTRY_BYTES), 0);
}

function tagIndex(index: number): number {
  return (index * ENTRY_BYTES + TAG_OFFSET) / 8;
}

function bitOf(prefix: number, depth: number): number {
  return (prefix >>> (31 - depth)) & 1;
}

/** The entries of a leaf that lie in a partition: they are in order, so two binary searches find them. */
function rangeOf(leaf: Leaf, partition: Partition): readonly [from: number, to: number] {
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
function search(leaf: Leaf, keyHash: Uint8Array): number {
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

function insert(
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

/** Twelve bytes: a loop is faster than a call of the runtime. */
function copyHash(hash: Uint8Array, to: Uint8Array, offset: number): void {
  for (let i = 0; i < HASH_BYTES; i++) to[offset + i] = hash[i] as number;
}

function tagAt(leaf: Leaf, index: number): number {
  return leaf.tags[tagIndex(index)] as number;
}

function entryAt(leaf: Leaf, index: number): TrieEntry {
  const offset = index * ENTRY_BYTES;
  return {
    keyHash: leaf.bytes.slice(offset, offset + HASH_BYTES),
    recordHash: leaf.bytes.slice(offset + HASH_BYTES, offset + TAG_OFFSET),
    tag: tagAt(leaf, index),
  };
}

function leafEntries(leaf: Leaf): TrieEntry[] {
  return Array.from({ length: leaf.count }, (_, i) => entryAt(leaf, i));
}

function* leavesUnder(node: TrieNode): Generator<Leaf> {
  if (node.isLeaf) {
    yield node;
    return;
  }
  yield* leavesUnder(node.left);
  yield* leavesUnder(node.right);
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

function digestLeaf(pairs: Uint8Array): Uint8Array {
  return sha256(LEAF_MARK, pairs).slice(0, DIGEST_BYTES);
}

function digestOf(node: TrieNode): Uint8Array {
  node.digest ??= node.isLeaf
    ? digestLeaf(pairsOf(node))
    : sha256(INNER_MARK, digestOf(node.left), digestOf(node.right)).slice(0, DIGEST_BYTES);
  return node.digest;
}

function pairsOf(leaf: Leaf, from = 0, to = leaf.count): Uint8Array {
  const pairs = new Uint8Array((to - from) * TAG_OFFSET);
  for (let i = from; i < to; i++) {
    const at = i * ENTRY_BYTES;
    pairs.set(leaf.bytes.subarray(at, at + TAG_OFFSET), (i - from) * TAG_OFFSET);
  }
  return pairs;
}
