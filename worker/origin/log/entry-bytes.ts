/**
 * The hashes of a stored frame's or blob's changes: key hash and record hash of each, in the order
 * of its payload. The record hash of a delete is all zeros.
 */
import { equalBytes } from "../../../shared/lib/bytes.ts";
import { copyHash, PAIR_BYTES } from "../../../shared/log/trie-leaf.ts";
import { HASH_BYTES } from "../../../shared/record/encoding.ts";

const NO_HASH = new Uint8Array(HASH_BYTES);

/** Hashes of a change; `recordHash` is `null` for a delete. */
export interface HashPair {
  readonly keyHash: Uint8Array;
  readonly recordHash: Uint8Array | null;
}

export function packEntries(changes: readonly HashPair[]): Uint8Array {
  const entries = new Uint8Array(changes.length * PAIR_BYTES);
  let at = 0;
  for (const { keyHash, recordHash } of changes) {
    copyHash(keyHash, entries, at);
    copyHash(recordHash ?? NO_HASH, entries, at + HASH_BYTES);
    at += PAIR_BYTES;
  }
  return entries;
}

export function entryCount(entries: Uint8Array): number {
  return entries.length / PAIR_BYTES;
}

/** A view of the key hash of the change at this index. */
export function entryKeyHash(entries: Uint8Array, index: number): Uint8Array {
  const at = index * PAIR_BYTES;
  return entries.subarray(at, at + HASH_BYTES);
}

/** A view of the record hash; all zeros for a delete. */
export function entryRecordHash(entries: Uint8Array, index: number): Uint8Array {
  const at = index * PAIR_BYTES;
  return entries.subarray(at + HASH_BYTES, at + PAIR_BYTES);
}

/** Key hash and record hash of each change. */
export function* readEntries(entries: Uint8Array): Generator<HashPair> {
  for (let index = 0; index < entryCount(entries); index++) {
    const recordHash = entryRecordHash(entries, index);
    const isDelete = equalBytes(recordHash, NO_HASH);
    yield { keyHash: entryKeyHash(entries, index), recordHash: isDelete ? null : recordHash };
  }
}
