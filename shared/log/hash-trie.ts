/**
 * The index of a channel and its digest: a binary trie over key hashes whose leaves hold at most
 * `LEAF_KEYS` sorted entries.
 *
 * The shape is a function of the set alone: a node is a leaf exactly when it has at most
 * `LEAF_KEYS` keys. So two parties that hold the same set have the same tree, and may compare any
 * subtree by its digest without agreeing on a number of partitions first; a party that grew a
 * partition needs to tell nobody. (A fixed power of two of partitions, the obvious alternative,
 * must be renegotiated when it doubles, and every digest changes with it.) [LOG5]
 */
import { equalBytes } from "../lib/bytes.ts";
import { bitOf, partitionHas, prefixOf, splitPartition, WHOLE } from "./partition.ts";
import type { Partition, PartitionDigest } from "./partition.ts";
import {
  emptyLeaf,
  entryAt,
  hasRecordHash,
  insert,
  leafEntries,
  PAIR_BYTES,
  remove,
  search,
  setRecordHash,
  setTag,
  tagAt,
} from "./trie-leaf.ts";
import type { Leaf, TrieEntry } from "./trie-leaf.ts";
import {
  cloneNode,
  digestOf,
  growSorted,
  LEAF_KEYS,
  leavesUnder,
  mergeLeaves,
  refreshNode,
  splitLeaf,
  staleUnder,
} from "./trie-node.ts";
import type { Inner, TrieNode } from "./trie-node.ts";

export { DIGEST_BYTES, LEAF_KEYS } from "./trie-node.ts";

/** Memory of a leaf's objects and its share of the nodes above it. */
const NODE_BYTES = 400;

export class HashTrie {
  #root: TrieNode = emptyLeaf();

  /**
   * The trie of pairs of key and record hash, which are in key order, with tag 0, and the digests
   * of its leaves. It is made leaf by leaf and yields the pairs of each: ten times faster than one
   * by one.
   */
  static *ofSorted(pairs: Uint8Array): Generator<number, HashTrie> {
    const trie = new HashTrie();
    trie.#root = yield* growSorted(pairs, 0, pairs.length / PAIR_BYTES, 0);
    return trie;
  }

  get size(): number {
    return this.#root.count;
  }

  /** For a walk through several tries together. Not to be changed. */
  get root(): TrieNode {
    return this.#root;
  }

  /** Approximate memory. */
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

  /**
   * Adds or replaces; answers whether the key or its record hash is new (a tag alone does not
   * touch digests).
   */
  set(keyHash: Uint8Array, recordHash: Uint8Array, tag: number): boolean {
    const known = this.#leafOf(keyHash);
    const index = search(known, keyHash);
    if (index >= 0) {
      setTag(known, index, tag);
      const isNew = setRecordHash(known, index, recordHash);
      if (isNew) this.#forgetDigests(keyHash);
      return isNew;
    }
    insert(known, ~index, keyHash, recordHash, tag);
    this.#countOneMore(keyHash);
    if (known.count > LEAF_KEYS) {
      const path = this.#pathTo(keyHash);
      this.#replace(path, splitLeaf(known, path.length - 1));
    }
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
    if (highest >= 0)
      this.#replace(path.slice(0, highest + 1), mergeLeaves(path[highest] as Inner));
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
   * Hashes at most so many of the leaves that have changed, and answers whether the digest of the
   * whole set is known then: to hash all leaves of a large set in one event takes others' time.
   * [LOG18]
   */
  refresh(leaves: number): boolean {
    this.refreshWithin(leaves);
    return this.#root.digest !== null;
  }

  /** The same; answers how many more could have been hashed. */
  refreshWithin(leaves: number): number {
    return refreshNode(this.#root, leaves);
  }

  /** Leaves to hash before the digest of the whole set is known; counts no further than `most`. */
  staleLeaves(most: number): number {
    return staleUnder(this.#root, most);
  }

  /**
   * Whether these keys are the same here. Where the leaf is smaller than one of ours, the other
   * party has more keys around it than we, so something differs there.
   */
  matches(leaf: PartitionDigest): boolean {
    const digest = this.digestAt(leaf);
    return digest !== null && equalBytes(digest, leaf.digest);
  }

  /** Digest of the keys of a partition; `null`: it is smaller than the leaf that has them. */
  digestAt({ bits, prefix }: Partition): Uint8Array | null {
    let node = this.#root;
    for (let depth = 0; depth < bits; depth++) {
      if (node.isLeaf) return null;
      node = bitOf(prefix, depth) === 0 ? node.left : node.right;
    }
    return digestOf(node);
  }

  /** Leaves in key order with their digests, as a party sends them that asks for a repair. */
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

  #countOneMore(keyHash: Uint8Array): void {
    const prefix = prefixOf(keyHash);
    let node = this.#root;
    for (let depth = 0; ; depth++) {
      node.count++;
      node.digest = null;
      if (node.isLeaf) return;
      node = bitOf(prefix, depth) === 0 ? node.left : node.right;
    }
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
