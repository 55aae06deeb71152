/**
 * Folding: rewriting the blobs that the tail has made stale, so that the tail may be forgotten. It works blob by blob and may pause between
 * any two: each blob carries its own revision, and a reader skips tail changes at or below the revision of the blob that covers them.
 * A blob that outgrows its bound is cut in half as often as needed.
 */
import { toHex } from "../../shared/lib/bytes.ts";
import { must } from "../../shared/lib/assert.ts";
import { LEAF_KEYS, partitionHas, splitPartition, WHOLE } from "../../shared/log/hash-trie.ts";
import type { Partition } from "../../shared/log/hash-trie.ts";
import { decodePayload, encodePayload } from "../../shared/log/payload.ts";
import { decodeRecord, HASH_BYTES, hashRecord, keyHashOf } from "../../shared/record/encoding.ts";
import type { Channel } from "../../shared/record/channel.ts";
import type { LogStore, StoredBlob } from "./log-store.ts";

export interface BlobHead extends Partition {
  readonly revision: number;
}

interface LiveRecord {
  readonly keyHash: Uint8Array;
  readonly bytes: Uint8Array;
}

/** Newest change of a key in the tail; `bytes` is `null` for a delete. */
interface TailChange {
  readonly keyHash: Uint8Array;
  readonly bytes: Uint8Array | null;
}

/** Records of a blob, undeflated, in bytes: deflated it stays well below a row's limit. */
const BLOB_RAW_BYTES = 1024 * 1024;

export class Fold {
  /** The revision that the blobs will hold when it is done. */
  readonly head: number;
  readonly #channel: Channel;
  readonly #store: LogStore;
  #blobs: BlobHead[];
  readonly #dirty: Partition[];
  readonly #changes: readonly TailChange[];

  constructor(
    channel: Channel,
    store: LogStore,
    blobs: readonly BlobHead[],
    foldedTo: number,
    head: number,
  ) {
    this.#channel = channel;
    this.#store = store;
    this.head = head;
    this.#blobs = [...blobs];
    this.#changes = latestChanges(channel, store, foldedTo, head);
    const cover: readonly Partition[] = blobs.length === 0 ? [WHOLE] : blobs;
    this.#dirty = cover.filter((partition) => this.#changesOf(partition).length > 0);
  }

  get blobs(): readonly BlobHead[] {
    return this.#blobs;
  }

  get isDone(): boolean {
    return this.#dirty.length === 0;
  }

  /** Rewrites at most `count` blobs. Call inside the store's transaction. */
  step(count: number): void {
    for (let i = 0; i < count && this.#dirty.length > 0; i++)
      this.#rewrite(must(this.#dirty.pop(), "no dirty blob"));
  }

  #changesOf(partition: Partition): TailChange[] {
    return this.#changes.filter((change) => partitionHas(partition, change.keyHash));
  }

  #rewrite(partition: Partition): void {
    const records = new Map<string, LiveRecord>();
    const stored = this.#store.blobPayload(this.#channel, partition);
    if (stored !== undefined)
      for (const record of recordsOf(stored)) records.set(toHex(record.keyHash), record);
    for (const { keyHash, bytes } of this.#changesOf(partition)) {
      if (bytes === null) records.delete(toHex(keyHash));
      else records.set(toHex(keyHash), { keyHash, bytes });
    }
    const sorted = [...records.keys()]
      .toSorted()
      .map((hex) => must(records.get(hex), "sorted key"));
    const rewritten = cut(partition, sorted).map(([part, live]) =>
      storedBlob(part, live, this.head),
    );
    this.#store.replaceBlob(this.#channel, partition, rewritten);
    this.#blobs = this.#blobs
      .filter((blob) => blob.bits !== partition.bits || blob.prefix !== partition.prefix)
      .concat(rewritten.map(({ bits, prefix, revision }) => ({ bits, prefix, revision })))
      .toSorted((a, b) => a.prefix - b.prefix);
  }
}

function cut(
  partition: Partition,
  records: readonly LiveRecord[],
): [Partition, readonly LiveRecord[]][] {
  const raw = records.reduce((sum, record) => sum + record.bytes.length, 0);
  const fits = records.length <= LEAF_KEYS && raw <= BLOB_RAW_BYTES;
  if (fits || partition.bits >= 32 || records.length === 1) return [[partition, records]];
  return splitPartition(partition).flatMap((half) =>
    cut(
      half,
      records.filter((record) => partitionHas(half, record.keyHash)),
    ),
  );
}

function storedBlob(
  partition: Partition,
  records: readonly LiveRecord[],
  revision: number,
): StoredBlob {
  const entries = new Uint8Array(records.length * 2 * HASH_BYTES);
  for (const [i, record] of records.entries()) {
    entries.set(record.keyHash, i * 2 * HASH_BYTES);
    entries.set(hashRecord(record.bytes), i * 2 * HASH_BYTES + HASH_BYTES);
  }
  const payload = encodePayload(records.map((record) => ({ op: "put", bytes: record.bytes })));
  return { bits: partition.bits, prefix: partition.prefix, revision, entries, payload };
}

function recordsOf(payload: Uint8Array): LiveRecord[] {
  const decoded = decodePayload(payload);
  if (!decoded.ok) throw new Error(`BUG: stored blob is unreadable: ${decoded.rule}`);
  return decoded.changes.flatMap((change) =>
    change.op === "put" ? [{ keyHash: keyHashOfBytes(change.bytes), bytes: change.bytes }] : [],
  );
}

function latestChanges(
  channel: Channel,
  store: LogStore,
  foldedTo: number,
  head: number,
): TailChange[] {
  const latest = new Map<string, TailChange>();
  for (let revision = foldedTo + 1; revision <= head; revision++) {
    const frame = must(store.frame(channel, revision), `frame ${revision} is missing`);
    const decoded = decodePayload(frame.payload);
    if (!decoded.ok)
      throw new Error(`BUG: stored frame ${revision} is unreadable: ${decoded.rule}`);
    for (const [i, change] of decoded.changes.entries()) {
      const keyHash = frame.entries.slice(i * 2 * HASH_BYTES, i * 2 * HASH_BYTES + HASH_BYTES);
      latest.set(toHex(keyHash), { keyHash, bytes: change.op === "put" ? change.bytes : null });
    }
  }
  return [...latest.values()];
}

function keyHashOfBytes(bytes: Uint8Array): Uint8Array {
  const decoded = decodeRecord(bytes);
  if (!decoded.ok)
    throw new Error(
      `BUG: stored record is malformed: ${decoded.error.field} ${decoded.error.rule}`,
    );
  return keyHashOf(decoded.record);
}
