/**
 * The folded part of a log: its blobs, how far they reach, and when frames behind them are to be
 * folded. One fold runs at a time, some blobs a step. [LOG60]
 */
import { must } from "../../../shared/lib/assert.ts";
import { overlapping, WHOLE } from "../../../shared/log/partition.ts";
import type { Partition } from "../../../shared/log/partition.ts";
import { encodePayload } from "../../../shared/log/payload.ts";
import { BUDGETS } from "../budgets/limits.ts";
import { Fold } from "./fold.ts";
import type { Foldable, Folded } from "./fold.ts";
import type { ChannelStore, StoredBlobHead } from "./log-store.ts";

/** The log whose frames are folded. */
export interface FoldedLog extends Foldable {
  readonly head: number;
  /** Keys that it holds. */
  readonly keys: number;
}

/** A blob as a reader is sent it. */
export interface Blob {
  readonly revision: number;
  readonly payload: Uint8Array;
}

export class Folding {
  readonly #log: FoldedLog;
  readonly #store: ChannelStore;
  #blobs: readonly StoredBlobHead[] = [];
  /** Revision up to which every blob holds all changes. */
  #foldedTo: number;
  /** Target revision of the fold that runs, or of the last one. */
  #foldTarget: number;
  /** Approximate number of keys changed, and bytes of frames stored, since `#foldTarget`. */
  #changedKeys = 0;
  #frameBytes = 0;
  #fold: Fold | null = null;

  constructor(log: FoldedLog, store: ChannelStore, foldedTo: number) {
    this.#log = log;
    this.#store = store;
    this.#foldedTo = foldedTo;
    this.#foldTarget = foldedTo;
  }

  get foldedTo(): number {
    return this.#foldedTo;
  }

  /** Bytes of the blobs, and of frames that are not in them yet. [LOG68] */
  get storedBytes(): number {
    return this.#blobs.reduce((sum, { size }) => sum + size, this.#frameBytes);
  }

  /** Memory of the records that are being folded. */
  get bytes(): number {
    return this.#fold?.bytes ?? 0;
  }

  /** Reads the heads of the blobs, and yields the entries of each. */
  *load(): Generator<Uint8Array, void> {
    const blobs: StoredBlobHead[] = [];
    for (const blob of this.#store.blobHeads(this.#log.channel)) {
      blobs.push(blob);
      yield must(this.#store.blobEntries(this.#log.channel, blob), "entries of a blob");
    }
    this.#blobs = blobs;
  }

  /** Blobs that a fold which did not end has rewritten already. */
  unfinished(): StoredBlobHead[] {
    return this.#blobs.filter((blob) => blob.revision > this.#foldedTo);
  }

  /** Counts a key that has changed. @param before Revision of its last change; 0 for none. */
  noteChange(before: number): void {
    if (before <= this.#foldTarget) this.#changedKeys++;
  }

  noteFrame(payloadBytes: number): void {
    this.#frameBytes += payloadBytes;
  }

  /**
   * Blobs that overlap partitions, and the revision that the oldest of them holds. A log that was
   * never folded answers an empty blob, so that a difference always has one. [LOG6]
   */
  covering(partitions: readonly Partition[]): {
    readonly blobs: readonly Partition[];
    readonly oldest: number;
  } {
    const cover: readonly StoredBlobHead[] =
      this.#blobs.length === 0 ? [{ ...WHOLE, revision: 0, size: 0 }] : this.#blobs;
    const blobs = overlapping(cover, partitions);
    const revisions = blobs.map(({ revision }) => Math.max(revision, this.#foldedTo));
    return { blobs, oldest: Math.min(...revisions, this.#log.head) };
  }

  /** `undefined` where folding has cut it meanwhile. */
  blob(partition: Partition): Blob | undefined {
    if (this.#blobs.length === 0)
      return partition.bits === 0 ? { revision: 0, payload: encodePayload([]) } : undefined;
    const head = this.#blobs.find(
      (blob) => blob.bits === partition.bits && blob.prefix === partition.prefix,
    );
    const stored = this.#store.blob(this.#log.channel, partition);
    return head === undefined || stored === undefined
      ? undefined
      : { revision: Math.max(head.revision, this.#foldedTo), payload: stored.payload };
  }

  get isActive(): boolean {
    return this.#fold !== null || this.#foldedTo < this.#foldTarget;
  }

  /** Folding rewrites whole blobs, so it begins when enough has changed. */
  get isDue(): boolean {
    return (
      this.isActive ||
      this.#changedKeys > Math.max(BUDGETS.foldChanges, this.#log.keys) ||
      this.#frameBytes > BUDGETS.foldBytes ||
      this.#log.head - this.#foldedTo > BUDGETS.foldFrames
    );
  }

  /** A commit now would need more of the disk than it may, or fold all the rest. [LOG61] */
  get isBehind(): boolean {
    if (this.#log.head - this.#foldedTo >= BUDGETS.fullFrames) return true;
    return this.isActive && this.#frameBytes > BUDGETS.foldBytes;
  }

  /** Part of the room behind a due fold that is used: 1 when it must have ended, below 0 before. */
  get pressure(): number {
    const { foldFrames, fullFrames, foldBytes } = BUDGETS;
    const frames = this.#log.head - this.#foldedTo - foldFrames;
    return Math.max(frames / (fullFrames - foldFrames), this.#frameBytes / foldBytes);
  }

  /** Rewrites so many blobs. Call inside the store's transaction. */
  step(blobs: number): Folded {
    this.#fold ??= this.#begin();
    const folded = this.#fold.step(blobs);
    this.#blobs = [...this.#fold.blobs];
    if (!this.#fold.isDone) return folded;
    this.#foldedTo = this.#fold.head;
    this.#fold = null;
    return folded;
  }

  /** The rest of the last fold; else all frames up to the head: later ones are the next fold's. */
  #begin(): Fold {
    if (this.#foldTarget <= this.#foldedTo) {
      this.#foldTarget = this.#log.head;
      this.#changedKeys = 0;
      this.#frameBytes = 0;
    }
    return new Fold(this.#log, this.#store, this.#blobs, this.#foldedTo, this.#foldTarget);
  }
}
