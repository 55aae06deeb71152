/**
 * Folding rewrites the blobs that newer frames have made stale, so that those frames may be
 * forgotten. The frames are read first, some in each step; then the fold goes blob by blob and may
 * pause between any two: each blob carries its own revision, and a reader skips changes at or below
 * the revision of the blob that covers them. A blob that outgrows its bound is cut in half as often
 * as needed.
 *
 * Records are never decoded or hashed here: a blob's entries have both hashes in the order of its
 * payload.
 */
import { must } from "../../../shared/lib/assert.ts";
import { LEAF_KEYS } from "../../../shared/log/hash-trie.ts";
import { splitPartition, WHOLE } from "../../../shared/log/partition.ts";
import type { Partition } from "../../../shared/log/partition.ts";
import { decodePayload } from "../../../shared/log/payload.ts";
import type { Channel } from "../../../shared/record/channel.ts";
import { BUDGETS } from "../budgets/limits.ts";
import {
  applyChanges,
  cutRecords,
  isOverfull,
  makeBlob,
  readBlob,
  recordBytes,
  recordsIn,
} from "./blob-records.ts";
import type { LiveRecord } from "./blob-records.ts";
import { entryKeyHash, entryRecordHash } from "./entry-bytes.ts";
import type { ChannelStore, StoredBlob, StoredBlobHead } from "./log-store.ts";
import { NewestChanges } from "./newest-changes.ts";
import { keyHashAt, packedSize, recordSizeAt } from "./packed-changes.ts";
import type { PackedChange } from "./packed-changes.ts";
import type { SmallFrames } from "./small-frames.ts";

/** The work of a step: records rewritten or read, and their bytes, inflated. */
export interface Folded {
  readonly records: number;
  readonly bytes: number;
}

/** Cost of fetching a stored frame, in changes read. */
const FRAME_COST = 32;

/** The log that is folded. */
export interface Foldable {
  readonly channel: Channel;
  readonly small: SmallFrames;
  /** Whether a key has changed again, after this revision and not after the other. */
  isReplaced(keyHash: Uint8Array, after: number, upTo: number): boolean;
}

export class Fold {
  readonly #log: Foldable;
  readonly #store: ChannelStore;
  #blobs: StoredBlobHead[];
  readonly #after: number;
  #newest = new NewestChanges();
  #head: number;
  /**
   * `newest`: changes that a later frame replaces are skipped, which is right where there is room
   * for all the rest; else some would be missing where this fold ends.
   */
  #reads: "newest" | "all" = "newest";
  #hasSkipped = false;
  /** The last frame that was read. */
  #readTo: number;
  /** Blobs that are to be rewritten where changes of them were read. */
  readonly #left: Partition[];

  /** @param after The revision to which the last fold went. */
  constructor(
    log: Foldable,
    store: ChannelStore,
    blobs: readonly StoredBlobHead[],
    after: number,
    head: number,
  ) {
    this.#log = log;
    this.#store = store;
    this.#after = after;
    this.#head = head;
    this.#blobs = blobs.length === 0 ? [{ ...WHOLE, revision: 0, size: 0 }] : [...blobs];
    this.#readTo = after;
    this.#left = [...this.#blobs];
  }

  /**
   * The revision that the blobs will hold when the fold is done: less than was asked for where
   * that is too much for one fold.
   */
  get head(): number {
    return this.#head;
  }

  get blobs(): readonly StoredBlobHead[] {
    return this.#blobs;
  }

  /** Approximate memory of the changes that it still holds. */
  get bytes(): number {
    return this.#newest.bytes;
  }

  get isDone(): boolean {
    return this.#readTo === this.#head && this.#newest.size === 0;
  }

  /** Rewrites, or cuts in half, at most `count` blobs. Call inside the store's transaction. */
  step(count: number): Folded {
    let [records, bytes] = [0, 0];
    for (let done = 0; done < count && !this.isDone; done++) {
      const folded = this.#readTo < this.#head ? this.#readFrames() : this.#foldNextBlob();
      records += folded.records;
      bytes += folded.bytes;
    }
    return { records, bytes };
  }

  /** The next blob of which changes were read. */
  #foldNextBlob(): Folded {
    for (;;) {
      const partition = must(this.#left.pop(), "the blob of a change");
      const { count, bytes } = this.#newest.measure(partition);
      if (count === 0) continue;
      const stored = this.#store.blob(this.#log.channel, partition);
      const held = stored === undefined ? [] : readBlob(stored);
      const heldBytes = recordBytes(held);
      if (isOverfull(partition, count, bytes)) {
        this.#halve(partition, held);
        return { records: held.length, bytes: heldBytes };
      }
      this.#rewrite(partition, held, this.#newest.extract(partition));
      return { records: held.length + count, bytes: heldBytes + bytes };
    }
  }

  /** Reads frames, about a blob's worth of changes; to fetch one costs as much as some changes. */
  #readFrames(): Folded {
    let [records, bytes] = [0, 0];
    while (records < LEAF_KEYS && bytes < BUDGETS.blobRecordBytes && this.#readTo < this.#head) {
      const revision = ++this.#readTo;
      const read = this.#readSmall(revision) ?? this.#readStored(revision);
      records += read.records;
      bytes += read.bytes;
      if (this.#newest.bytes > BUDGETS.foldHeldBytes) this.#cutShort();
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
        this.#newest.copy(from, at);
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
      if (this.#isToBeFolded(change.keyHash, revision)) this.#newest.set(change);
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
    this.#newest = new NewestChanges();
    this.#readTo = this.#after;
  }

  /**
   * More than one blob's worth is new: the held records are cut first, as old as they are, and
   * each half has a step of its own.
   */
  #halve(partition: Partition, held: readonly LiveRecord[]): void {
    const { bits, prefix } = partition;
    const head = this.#blobs.find((blob) => blob.bits === bits && blob.prefix === prefix);
    const { revision } = must(head, "the blob that is cut");
    const halves = splitPartition(partition);
    this.#replace(
      partition,
      halves.map((half) => makeBlob(half, recordsIn(half, held), revision)),
    );
    this.#left.push(...halves);
  }

  #rewrite(
    partition: Partition,
    held: readonly LiveRecord[],
    changes: readonly PackedChange[],
  ): void {
    const live = applyChanges(held, changes);
    this.#replace(
      partition,
      cutRecords(partition, live).map(([part, own]) => makeBlob(part, own, this.#head)),
    );
  }

  #replace(partition: Partition, rewritten: readonly StoredBlob[]): void {
    this.#store.replaceBlob(this.#log.channel, partition, rewritten);
    this.#blobs = this.#blobs
      .filter((blob) => blob.bits !== partition.bits || blob.prefix !== partition.prefix)
      .concat(rewritten.map(headOf))
      .toSorted((a, b) => a.prefix - b.prefix);
  }
}

function headOf({ bits, prefix, revision, payload }: StoredBlob): StoredBlobHead {
  return { bits, prefix, revision, size: payload.length };
}

function storedChanges(channel: Channel, store: ChannelStore, revision: number): PackedChange[] {
  const frame = must(store.frame(channel, revision), `frame ${revision} is missing`);
  const decoded = decodePayload(frame.payload);
  if (!decoded.ok) throw new Error(`BUG: stored frame ${revision} is unreadable: ${decoded.rule}`);
  return decoded.changes.map((change, i) => ({
    keyHash: entryKeyHash(frame.entries, i),
    recordHash: entryRecordHash(frame.entries, i),
    bytes: change.op === "put" ? change.bytes : null,
  }));
}
