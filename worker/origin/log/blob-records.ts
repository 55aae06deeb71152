/**
 * The records of a stored blob, in key order: read, merged with newer changes, and cut into blobs
 * that are within their bound.
 */
import { compareBytes } from "../../../shared/lib/bytes.ts";
import { LEAF_KEYS } from "../../../shared/log/hash-trie.ts";
import { partitionHas, splitPartition } from "../../../shared/log/partition.ts";
import type { Partition } from "../../../shared/log/partition.ts";
import { decodePayload, encodePayload } from "../../../shared/log/payload.ts";
import { BUDGETS } from "../budgets/limits.ts";
import { entryKeyHash, entryRecordHash, packEntries } from "./entry-bytes.ts";
import type { StoredBlob } from "./log-store.ts";
import type { PackedChange } from "./packed-changes.ts";

export interface LiveRecord {
  readonly keyHash: Uint8Array;
  readonly recordHash: Uint8Array;
  readonly bytes: Uint8Array;
}

/** Deflate level: folding runs between events, and only first contacts and repairs read blobs. */
const BLOB_LEVEL = 1;

export function readBlob(blob: Pick<StoredBlob, "payload" | "entries">): LiveRecord[] {
  const decoded = decodePayload(blob.payload);
  if (!decoded.ok) throw new Error(`BUG: stored blob is unreadable: ${decoded.rule}`);
  return decoded.changes.flatMap((change, i) => {
    if (change.op !== "put") return [];
    const keyHash = entryKeyHash(blob.entries, i);
    const recordHash = entryRecordHash(blob.entries, i);
    return [{ keyHash, recordHash, bytes: change.bytes }];
  });
}

export function makeBlob(
  { bits, prefix }: Partition,
  records: readonly LiveRecord[],
  revision: number,
): StoredBlob {
  const payload = encodePayload(
    records.map(({ bytes }) => ({ op: "put", bytes })),
    BLOB_LEVEL,
  );
  return { bits, prefix, revision, entries: packEntries(records), payload };
}

/** The records after the changes; both lists and the answer are in key order. */
export function applyChanges(
  records: readonly LiveRecord[],
  changes: readonly PackedChange[],
): readonly LiveRecord[] {
  const live: LiveRecord[] = [];
  let at = 0;
  for (const { keyHash, recordHash, bytes } of changes) {
    let order = -1;
    for (; at < records.length; at++) {
      const record = records[at] as LiveRecord;
      order = compareBytes(record.keyHash, keyHash);
      if (order >= 0) break;
      live.push(record);
    }
    if (order === 0 && at < records.length) at++;
    if (bytes !== null) live.push({ keyHash, recordHash, bytes });
  }
  for (; at < records.length; at++) live.push(records[at] as LiveRecord);
  return live;
}

/** Halves a partition until no part holds more than a blob may. */
export function cutRecords(
  partition: Partition,
  records: readonly LiveRecord[],
): [Partition, readonly LiveRecord[]][] {
  if (!isOverfull(partition, records.length, recordBytes(records))) return [[partition, records]];
  return splitPartition(partition).flatMap((half) => cutRecords(half, recordsIn(half, records)));
}

export function recordsIn(partition: Partition, records: readonly LiveRecord[]): LiveRecord[] {
  return records.filter(({ keyHash }) => partitionHas(partition, keyHash));
}

export function recordBytes(records: readonly LiveRecord[]): number {
  return records.reduce((sum, record) => sum + record.bytes.length, 0);
}

/**
 * Whether records are more than a blob may hold, and can be cut.
 * @param bytes Of the records, undeflated.
 */
export function isOverfull(partition: Partition, count: number, bytes: number): boolean {
  if (partition.bits >= 32 || count <= 1) return false;
  return count > LEAF_KEYS || bytes > BUDGETS.blobRecordBytes;
}
