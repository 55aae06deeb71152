/**
 * Folding: rewriting the blobs that the tail has made stale, so that the tail may be forgotten. It works blob by blob and may pause between
 * any two: each blob carries its own revision, and a reader skips tail changes at or below the revision of the blob that covers them.
 * A blob that outgrows its bound is cut in half as often as needed.
 *
 * Records are never decoded or hashed here: a blob's entries have both hashes in the order of its payload.
 */
import { compareBytes, toId } from "../../shared/lib/bytes.ts";
import { must } from "../../shared/lib/assert.ts";
import { LEAF_KEYS } from "../../shared/log/hash-trie.ts";
import { partitionHas, prefixOf, splitPartition, WHOLE } from "../../shared/log/partition.ts";
import type { Partition } from "../../shared/log/partition.ts";
import { decodePayload, encodePayload } from "../../shared/log/payload.ts";
import { HASH_BYTES } from "../../shared/record/encoding.ts";
import type { Channel } from "../../shared/record/channel.ts";
import type { LogStore, StoredBlob } from "./log-store.ts";

export interface BlobHead extends Partition {
  readonly revision: number;
}

/** Newest change of a key in the tail; `bytes` is `null` for a delete. */
export interface TailChange {
  readonly keyHash: Uint8Array;
  readonly recordHash: Uint8Array;
  readonly bytes: Uint8Array | null;
}

/** Newest changes by key hash, see `toId`. */
export type Tail = ReadonlyMap<string, TailChange>;

interface LiveRecord {
  readonly keyHash: Uint8Array;
  readonly recordHash: Uint8Array;
  readonly bytes: Uint8Array;
}

/** Records of a blob, undeflated, in bytes: deflated it stays well below a row's limit. */
const BLOB_RAW_BYTES = 1024 * 1024;
/** Folding runs between events: a fast level keeps a slice short; a blob is read by first contacts and repairs only. */
const BLOB_LEVEL = 1;
const PAIR_BYTES = 2 * HASH_BYTES;
/** Of the objects that hold a change of the tail. */
export const TAIL_CHANGE_BYTES = 300;

export class Fold {
  /** The revision that the blobs will hold when it is done. */
  readonly head: number;
  readonly #channel: Channel;
  readonly #store: LogStore;
  #blobs: BlobHead[];
  /** Blobs to rewrite, with their changes. */
  readonly #dirty: [Partition, readonly TailChange[]][];

  /** @param tail All changes since the last fold, up to `head`. */
  constructor(
    channel: Channel,
    store: LogStore,
    blobs: readonly BlobHead[],
    tail: Tail,
    head: number,
  ) {
    this.#channel = channel;
    this.#store = store;
    this.head = head;
    this.#blobs = blobs.length === 0 ? [{ ...WHOLE, revision: 0 }] : [...blobs];
    this.#dirty = deal(this.#blobs, tail);
  }

  get blobs(): readonly BlobHead[] {
    return this.#blobs;
  }

  /** What it still holds of the tail, about. */
  get bytes(): number {
    let bytes = 0;
    for (const [, changes] of this.#dirty)
      for (const change of changes) bytes += TAIL_CHANGE_BYTES + (change.bytes?.length ?? 0);
    return bytes;
  }

  get isDone(): boolean {
    return this.#dirty.length === 0;
  }

  /** Rewrites, or cuts in half, at most `count` blobs and answers how many records they had. Call inside the store's transaction. */
  step(count: number): number {
    let records = 0;
    for (let i = 0; i < count && this.#dirty.length > 0; i++) {
      const [partition, changes] = must(this.#dirty.pop(), "no dirty blob");
      const stored = this.#store.blob(this.#channel, partition);
      const held = stored === undefined ? [] : recordsOf(stored);
      records += held.length;
      if (isTooMuch(partition, changes)) this.#halve(partition, held, changes);
      else {
        records += changes.length;
        this.#rewrite(partition, held, changes);
      }
    }
    return records;
  }

  /** More than one blob's worth is new: what is held is cut first, as old as it is, and each half has a step of its own. */
  #halve(partition: Partition, held: readonly LiveRecord[], changes: readonly TailChange[]): void {
    const { bits, prefix } = partition;
    const head = this.#blobs.find((blob) => blob.bits === bits && blob.prefix === prefix);
    const { revision } = must(head, "the blob that is cut");
    const halves = splitPartition(partition).map((half) => ({
      half,
      held: held.filter(({ keyHash }) => partitionHas(half, keyHash)),
      changes: changes.filter(({ keyHash }) => partitionHas(half, keyHash)),
    }));
    this.#replace(
      partition,
      halves.map((each) => storedBlob(each.half, each.held, revision)),
    );
    for (const each of halves)
      if (each.changes.length > 0) this.#dirty.push([each.half, each.changes]);
  }

  #rewrite(
    partition: Partition,
    held: readonly LiveRecord[],
    changes: readonly TailChange[],
  ): void {
    const sorted = changes.toSorted((a, b) => compareBytes(a.keyHash, b.keyHash));
    const live = merge(held, sorted);
    this.#replace(
      partition,
      cut(partition, live).map(([part, own]) => storedBlob(part, own, this.head)),
    );
  }

  #replace(partition: Partition, rewritten: readonly StoredBlob[]): void {
    this.#store.replaceBlob(this.#channel, partition, rewritten);
    this.#blobs = this.#blobs
      .filter((blob) => blob.bits !== partition.bits || blob.prefix !== partition.prefix)
      .concat(rewritten.map(({ bits, prefix, revision }) => ({ bits, prefix, revision })))
      .toSorted((a, b) => a.prefix - b.prefix);
  }
}

/** The newest changes of stored frames after `foldedTo`, for a log that was loaded with a tail. */
export function readTail(
  channel: Channel,
  store: LogStore,
  foldedTo: number,
  head: number,
): Map<string, TailChange> {
  const latest = new Map<string, TailChange>();
  for (let revision = foldedTo + 1; revision <= head; revision++) {
    const frame = must(store.frame(channel, revision), `frame ${revision} is missing`);
    const decoded = decodePayload(frame.payload);
    if (!decoded.ok)
      throw new Error(`BUG: stored frame ${revision} is unreadable: ${decoded.rule}`);
    for (const [i, change] of decoded.changes.entries()) {
      const keyHash = frame.entries.slice(i * PAIR_BYTES, i * PAIR_BYTES + HASH_BYTES);
      const recordHash = frame.entries.slice(i * PAIR_BYTES + HASH_BYTES, (i + 1) * PAIR_BYTES);
      const bytes = change.op === "put" ? change.bytes : null;
      latest.set(toId(keyHash), { keyHash, recordHash, bytes });
    }
  }
  return latest;
}

/** To each partition its changes. @param cover All of the key space, in order. */
function deal(cover: readonly Partition[], tail: Tail): [Partition, TailChange[]][] {
  const hands = cover.map((partition): [Partition, TailChange[]] => [partition, []]);
  for (const change of tail.values()) {
    const prefix = prefixOf(change.keyHash);
    let [low, high] = [0, cover.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((cover[middle] as Partition).prefix <= prefix) low = middle;
      else high = middle - 1;
    }
    must(hands[low], "partition")[1].push(change);
  }
  return hands.filter(([, changes]) => changes.length > 0);
}

/** What is live after the changes; both lists and the answer are in key order. */
function merge(
  records: readonly LiveRecord[],
  changes: readonly TailChange[],
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
  if (!isTooMuch(partition, records)) return [[partition, records]];
  return splitPartition(partition).flatMap((half) =>
    cut(
      half,
      records.filter((record) => partitionHas(half, record.keyHash)),
    ),
  );
}

/** More than a blob may hold, and it can be cut. */
function isTooMuch(partition: Partition, records: readonly Pick<TailChange, "bytes">[]): boolean {
  if (partition.bits >= 32 || records.length === 1) return false;
  const raw = records.reduce((sum, { bytes }) => sum + (bytes?.length ?? 0), 0);
  return records.length > LEAF_KEYS || raw > BLOB_RAW_BYTES;
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
