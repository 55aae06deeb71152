/**
 * Folding: rewriting the blobs that the tail has made stale, so that the tail may be forgotten. The tail is read frame by frame, some in each step; then it
 * goes on blob by blob and may pause between any two: each blob carries its own revision, and a reader skips tail changes at or below the revision of the
 * blob that covers them. A blob that outgrows its bound is cut in half as often as needed.
 *
 * Records are never decoded or hashed here: a blob's entries have both hashes in the order of its payload.
 */
import { compareBytes } from "../../../shared/lib/bytes.ts";
import { must } from "../../../shared/lib/assert.ts";
import { LEAF_KEYS } from "../../../shared/log/hash-trie.ts";
import { partitionHas, splitPartition, WHOLE } from "../../../shared/log/partition.ts";
import type { Partition } from "../../../shared/log/partition.ts";
import { decodePayload, encodePayload } from "../../../shared/log/payload.ts";
import { HASH_BYTES } from "../../../shared/record/encoding.ts";
import type { Channel } from "../../../shared/record/channel.ts";
import type { LogStore, StoredBlob } from "./log-store.ts";
import type { SmallFrames } from "./small-frames.ts";
import { keyHashAt, packedSize, recordSizeAt } from "./packed-changes.ts";
import type { PackedChange } from "./packed-changes.ts";
import { NewestChanges } from "./newest-changes.ts";

export interface BlobHead extends Partition {
  readonly revision: number;
}

/** What a step has rewritten: records, and their bytes, inflated. */
export interface Folded {
  readonly records: number;
  readonly bytes: number;
}

interface LiveRecord {
  readonly keyHash: Uint8Array;
  readonly recordHash: Uint8Array;
  readonly bytes: Uint8Array;
}

/** Records of a blob, undeflated, in bytes: to rewrite as much takes 3 ms, and deflated it stays well below a row's limit. */
const BLOB_RAW_BYTES = 256 * 1024;
/** Folding runs between events: a fast level keeps a slice short; a blob is read by first contacts and repairs only. */
const BLOB_LEVEL = 1;
const PAIR_BYTES = 2 * HASH_BYTES;

/** To fetch a stored frame, in changes read. */
const FRAME_COST = 32;
/** Of memory that it holds; what is beyond is for the next fold. */
const MAX_HELD_BYTES = 12e6;

/** Of the log that is folded. */
export interface Foldable {
  readonly channel: Channel;
  readonly small: SmallFrames;
  /** Whether a key has changed again, after this revision and not after the other. */
  isReplaced(keyHash: Uint8Array, after: number, upTo: number): boolean;
}

export class Fold {
  readonly #log: Foldable;
  readonly #store: LogStore;
  #blobs: BlobHead[];
  readonly #after: number;
  #tail = new NewestChanges();
  #head: number;
  /** Changes that are replaced further on are not read, if there is room for all the rest: else where it ends some would be missing. */
  #reads: "newest" | "all" = "newest";
  #hasSkipped = false;
  /** The last frame that is read into the tail. */
  #readTo: number;
  /** Blobs that are to be rewritten where the tail has changes of them. */
  readonly #left: Partition[];

  /** @param after The revision to which the last fold went. */
  constructor(
    log: Foldable,
    store: LogStore,
    blobs: readonly BlobHead[],
    after: number,
    head: number,
  ) {
    this.#log = log;
    this.#store = store;
    this.#after = after;
    this.#head = head;
    this.#blobs = blobs.length === 0 ? [{ ...WHOLE, revision: 0 }] : [...blobs];
    this.#readTo = after;
    this.#left = [...this.#blobs];
  }

  /** The revision that the blobs will hold when it is done: less than was asked for where that is too much for one fold. */
  get head(): number {
    return this.#head;
  }

  get blobs(): readonly BlobHead[] {
    return this.#blobs;
  }

  /** What it still holds of the tail, about. */
  get bytes(): number {
    return this.#tail.bytes;
  }

  get isDone(): boolean {
    return this.#readTo === this.#head && this.#tail.size === 0;
  }

  /** Rewrites, or cuts in half, at most `count` blobs and answers what they had. Call inside the store's transaction. */
  step(count: number): Folded {
    let [records, bytes] = [0, 0];
    for (let done = 0; done < count && !this.isDone; done++) {
      const folded = this.#readTo < this.#head ? this.#readOn() : this.#takeOn();
      records += folded.records;
      bytes += folded.bytes;
    }
    return { records, bytes };
  }

  /** The next blob that the tail has changes of. */
  #takeOn(): Folded {
    for (;;) {
      const partition = must(this.#left.pop(), "the blob of a change");
      const { count, bytes } = this.#tail.measure(partition);
      if (count === 0) continue;
      const stored = this.#store.blob(this.#log.channel, partition);
      const held = stored === undefined ? [] : recordsOf(stored);
      const heldBytes = rawBytes(held);
      if (isTooMuch(partition, count, bytes)) {
        this.#halve(partition, held);
        return { records: held.length, bytes: heldBytes };
      }
      this.#rewrite(partition, held, this.#tail.take(partition));
      return { records: held.length + count, bytes: heldBytes + bytes };
    }
  }

  /** Frames, about a blob's worth of changes; to fetch one costs as much as some changes. */
  #readOn(): Folded {
    let [records, bytes] = [0, 0];
    while (records < LEAF_KEYS && bytes < BLOB_RAW_BYTES && this.#readTo < this.#head) {
      const revision = ++this.#readTo;
      const read = this.#readSmall(revision) ?? this.#readStored(revision);
      records += read.records;
      bytes += read.bytes;
      if (this.#tail.bytes > MAX_HELD_BYTES) this.#cutShort();
    }
    return { records, bytes };
  }

  #readSmall(revision: number): Folded | undefined {
    const frame = this.#log.small.frame(revision);
    if (frame === undefined) return undefined;
    const { from, count } = frame;
    let [at, bytes] = [frame.at, 0];
    for (let n = 0; n < count; n++) {
      const size = recordSizeAt(from, at);
      if (this.#isToBeFolded(keyHashAt(from, at), revision)) {
        this.#tail.copy(from, at);
        bytes += size;
      }
      at += packedSize(size);
    }
    return { records: count, bytes };
  }

  #readStored(revision: number): Folded {
    const all = storedChanges(this.#log.channel, this.#store, revision);
    let bytes = 0;
    for (const change of all) {
      bytes += change.bytes?.length ?? 0;
      if (this.#isToBeFolded(change.keyHash, revision)) this.#tail.set(change);
    }
    return { records: all.length + FRAME_COST, bytes };
  }

  #isToBeFolded(keyHash: Uint8Array, revision: number): boolean {
    if (this.#reads === "all" || !this.#log.isReplaced(keyHash, revision, this.#head)) return true;
    this.#hasSkipped = true;
    return false;
  }

  /** It has read as much as it may hold. */
  #cutShort(): void {
    if (!this.#hasSkipped) {
      this.#head = this.#readTo;
      return;
    }
    this.#reads = "all";
    this.#hasSkipped = false;
    this.#tail = new NewestChanges();
    this.#readTo = this.#after;
  }

  /** More than one blob's worth is new: what is held is cut first, as old as it is, and each half has a step of its own. */
  #halve(partition: Partition, held: readonly LiveRecord[]): void {
    const { bits, prefix } = partition;
    const head = this.#blobs.find((blob) => blob.bits === bits && blob.prefix === prefix);
    const { revision } = must(head, "the blob that is cut");
    const halves = splitPartition(partition);
    this.#replace(
      partition,
      halves.map((half) => {
        const own = held.filter(({ keyHash }) => partitionHas(half, keyHash));
        return storedBlob(half, own, revision);
      }),
    );
    this.#left.push(...halves);
  }

  #rewrite(
    partition: Partition,
    held: readonly LiveRecord[],
    changes: readonly PackedChange[],
  ): void {
    const live = merge(held, changes);
    this.#replace(
      partition,
      cut(partition, live).map(([part, own]) => storedBlob(part, own, this.#head)),
    );
  }

  #replace(partition: Partition, rewritten: readonly StoredBlob[]): void {
    this.#store.replaceBlob(this.#log.channel, partition, rewritten);
    this.#blobs = this.#blobs
      .filter((blob) => blob.bits !== partition.bits || blob.prefix !== partition.prefix)
      .concat(rewritten.map(({ bits, prefix, revision }) => ({ bits, prefix, revision })))
      .toSorted((a, b) => a.prefix - b.prefix);
  }
}

function storedChanges(channel: Channel, store: LogStore, revision: number): PackedChange[] {
  const frame = must(store.frame(channel, revision), `frame ${revision} is missing`);
  const decoded = decodePayload(frame.payload);
  if (!decoded.ok) throw new Error(`BUG: stored frame ${revision} is unreadable: ${decoded.rule}`);
  return decoded.changes.map((change, i) => ({
    keyHash: frame.entries.subarray(i * PAIR_BYTES, i * PAIR_BYTES + HASH_BYTES),
    recordHash: frame.entries.subarray(i * PAIR_BYTES + HASH_BYTES, (i + 1) * PAIR_BYTES),
    bytes: change.op === "put" ? change.bytes : null,
  }));
}

/** What is live after the changes; both lists and the answer are in key order. */
function merge(
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

function cut(
  partition: Partition,
  records: readonly LiveRecord[],
): [Partition, readonly LiveRecord[]][] {
  if (!isTooMuch(partition, records.length, rawBytes(records))) return [[partition, records]];
  return splitPartition(partition).flatMap((half) =>
    cut(
      half,
      records.filter((record) => partitionHas(half, record.keyHash)),
    ),
  );
}

function rawBytes(records: readonly LiveRecord[]): number {
  return records.reduce((sum, record) => sum + record.bytes.length, 0);
}

/** More than a blob may hold, and it can be cut. @param bytes Of the records, undeflated. */
function isTooMuch(partition: Partition, count: number, bytes: number): boolean {
  return partition.bits < 32 && count > 1 && (count > LEAF_KEYS || bytes > BLOB_RAW_BYTES);
}

function storedBlob(
  partition: Partition,
  records: readonly LiveRecord[],
  revision: number,
): StoredBlob {
  const entries = new Uint8Array(records.length * PAIR_BYTES);
  for (const [i, record] of records.entries()) {
    entries.set(record.keyHash, i * PAIR_BYTES);
    entries.set(record.recordHash, i * PAIR_BYTES + HASH_BYTES);
  }
  const payload = encodePayload(
    records.map((record) => ({ op: "put", bytes: record.bytes })),
    BLOB_LEVEL,
  );
  return { bits: partition.bits, prefix: partition.prefix, revision, entries, payload };
}

function recordsOf(blob: Pick<StoredBlob, "payload" | "entries">): LiveRecord[] {
  const decoded = decodePayload(blob.payload);
  if (!decoded.ok) throw new Error(`BUG: stored blob is unreadable: ${decoded.rule}`);
  return decoded.changes.flatMap((change, i) => {
    if (change.op !== "put") return [];
    const at = i * PAIR_BYTES;
    const keyHash = blob.entries.subarray(at, at + HASH_BYTES);
    const recordHash = blob.entries.subarray(at + HASH_BYTES, at + PAIR_BYTES);
    return [{ keyHash, recordHash, bytes: change.bytes }];
  });
}
