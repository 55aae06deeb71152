/**
 * One channel of an origin as a log: the index with its digest, the head and chain, the ring of
 * frames, the blobs. Memory is derived from the stored rows and rebuilt from them at a start, by
 * `load`; the rows are the truth.
 */
import { must } from "../../../shared/lib/assert.ts";
import { concatBytes, equalBytes } from "../../../shared/lib/bytes.ts";
import { NO_CHAIN, nextChain } from "../../../shared/log/cursor.ts";
import type { LogBounds } from "../../../shared/log/cursor.ts";
import { HashTrie } from "../../../shared/log/hash-trie.ts";
import { partitionHas } from "../../../shared/log/partition.ts";
import type { Partition, PartitionDigest } from "../../../shared/log/partition.ts";
import { encodePayload } from "../../../shared/log/payload.ts";
import type { Channel } from "../../../shared/record/channel.ts";
import { BUDGETS } from "../budgets/limits.ts";
import type { AdmittedChange } from "./admitted-change.ts";
import { entryCount, packEntries, readEntries } from "./entry-bytes.ts";
import type { Folded } from "./fold.ts";
import { Folding } from "./folding.ts";
import type { Blob, FoldedLog } from "./folding.ts";
import type { ChannelStore, StoredBlobHead, StoredFrame } from "./log-store.ts";
import { ReceivedSet } from "./received-set.ts";
import { RecentFrames } from "./recent-frames.ts";
import { SmallFrames } from "./small-frames.ts";
import type { PieceBudget } from "./small-frames.ts";

export interface RepairAnswer {
  readonly head: number;
  readonly blobs: readonly Partition[];
  readonly after: number;
  readonly chain: Uint8Array;
}

/** Deflate level of frames that the hub makes itself, from several or from a part of one. */
const FRAME_LEVEL = 1;

export class ChannelLog implements LogBounds, FoldedLog {
  readonly channel: Channel;
  readonly small: SmallFrames;
  readonly received: ReceivedSet;
  readonly folding: Folding;
  readonly #store: ChannelStore;
  readonly #epoch: string;
  #populated: boolean;
  #head = 0;
  #chain: Uint8Array = NO_CHAIN;
  #admitted = new HashTrie();
  readonly #recent = new RecentFrames();
  /** The frame at the head, which all readers that are there are sent. */
  #last: StoredFrame | null = null;
  /** When the commit at this revision was seen at its source, by the hub's clock. */
  seen: { readonly revision: number; readonly atMs: number } | null = null;

  /** @param newEpoch Makes a random epoch for a new log: no two incarnations share one. */
  constructor(channel: Channel, store: ChannelStore, pieces: PieceBudget, newEpoch: () => string) {
    this.channel = channel;
    this.small = new SmallFrames(pieces);
    this.received = new ReceivedSet(channel, store, () => this.#admitted);
    this.#store = store;
    let state = store.channel(channel);
    if (state === null) {
      state = { epoch: newEpoch(), populated: false, foldedTo: 0 };
      store.saveChannel(channel, state);
    }
    this.#epoch = state.epoch;
    this.#populated = state.populated;
    this.folding = new Folding(this, store, state.foldedTo);
  }

  /** Approximate memory: the index, remembered frames, and records that are being folded. */
  get bytes(): number {
    const folding = this.folding.bytes + this.small.bytes;
    const last = (this.#last?.payload.length ?? 0) + (this.#last?.entries.length ?? 0);
    return this.#admitted.bytes + this.received.bytes + this.#recent.bytes + folding + last;
  }

  get epoch(): string {
    return this.#epoch;
  }
  get head(): number {
    return this.#head;
  }
  get chain(): Uint8Array {
    return this.#chain;
  }
  /** A publisher has completed a reconciliation in this epoch. */
  get populated(): boolean {
    return this.#populated;
  }
  get admitted(): HashTrie {
    return this.#admitted;
  }
  get keys(): number {
    return this.#admitted.size;
  }

  /**
   * The chain after a revision, as long as the log can say what changed since: from the rows of
   * its ring, or because nothing older counts any more.
   */
  chainAt(revision: number): Uint8Array | undefined {
    if (revision === this.#head) return this.#chain;
    const chain = this.#recent.previousOf(revision + 1) ?? this.#unfoldedChain(revision);
    const next = chain === undefined ? undefined : this.#recent.nextLive(revision);
    return next !== undefined && next <= this.#head - BUDGETS.ringFrames ? undefined : chain;
  }

  /**
   * The chain from the ring's row: frames that were not folded are there, also where more deletes
   * came than are remembered. A repair begins there.
   */
  #unfoldedChain(revision: number): Uint8Array | undefined {
    return revision < this.folding.foldedTo
      ? undefined
      : this.#store.frameHead(this.channel, revision + 1)?.previous;
  }

  /** The first frame after a revision of which something still counts. [LOG15] */
  nextLive(after: number): number | undefined {
    return this.#recent.nextLive(after);
  }

  /**
   * Whether a frame's change of a key is the newest that there is. A delete that is no longer
   * remembered counts each time: to delete twice does no harm.
   */
  isNewest(keyHash: Uint8Array, revision: number): boolean {
    const at = this.#admitted.tagOf(keyHash) ?? this.#recent.deletedAt(keyHash);
    return at === undefined || at === revision;
  }

  isReplaced(keyHash: Uint8Array, after: number, upTo: number): boolean {
    const at = this.#admitted.tagOf(keyHash) ?? this.#recent.deletedAt(keyHash);
    return at !== undefined && at > after && at <= upTo;
  }

  markPopulated(): void {
    if (this.#populated) return;
    this.#populated = true;
    this.#saveState();
  }

  /**
   * Commits one frame. Call inside the store's transaction.
   * @param payload The received payload, when it holds just these changes: it is stored and sent
   *   as it came.
   */
  commit(changes: readonly AdmittedChange[], payload?: Uint8Array): StoredFrame {
    const revision = this.#head + 1;
    // fault: compaction-boundary
    const overwritten = revision - BUDGETS.ringFrames;
    while (overwritten > this.folding.foldedTo) this.#foldSome(Number.POSITIVE_INFINITY);
    const body =
      payload ??
      encodePayload(
        changes.map((c) => c.change),
        FRAME_LEVEL,
      );
    const entries = packEntries(changes);
    const frame: StoredFrame = { revision, previous: this.#chain, payload: body, entries };
    this.#store.putFrame(this.channel, frame);
    this.#recent.push(revision, frame.previous, changes.length);
    this.#chain = nextChain(frame.previous, revision, body);
    this.#head = revision;
    for (const { keyHash, recordHash } of changes) this.#index(revision, keyHash, recordHash);
    this.small.push(revision, changes);
    this.folding.noteFrame(body.length);
    this.#last = frame;
    return frame;
  }

  frame(revision: number): StoredFrame | undefined {
    if (revision === this.#last?.revision) return this.#last;
    return this.#store.frame(this.channel, revision);
  }

  /**
   * The answer to a reader with these leaves: blobs that overlap the differences, and where the
   * tail behind the oldest of them begins. [LOG6]
   */
  planRepair(leaves: readonly PartitionDigest[]): RepairAnswer {
    const different = leaves.filter((leaf) => !this.#admitted.matches(leaf));
    const { blobs, oldest } = this.folding.covering(different);
    const chain = must(this.chainAt(oldest), `no chain at ${oldest}`);
    return { head: this.#head, blobs, after: oldest, chain };
  }

  /** `undefined` where folding has cut it meanwhile. */
  blob(partition: Partition): Blob | undefined {
    return this.folding.blob(partition);
  }

  /** One slice of folding, in a transaction of its own; answers its work. */
  foldSlice(blobs: number): Folded {
    return this.#store.transaction(() => this.#foldSome(blobs));
  }

  #foldSome(blobs: number): Folded {
    const before = this.folding.foldedTo;
    const folded = this.folding.step(blobs);
    if (this.folding.foldedTo === before) return folded;
    this.small.forgetTo(this.folding.foldedTo);
    this.#saveState();
    return folded;
  }

  /** A change that is the newest so far. */
  #index(revision: number, keyHash: Uint8Array, recordHash: Uint8Array | null): void {
    const before = this.#admitted.tagOf(keyHash);
    this.folding.noteChange(before ?? 0);
    if (before !== undefined) this.#recent.replaced(before);
    if (recordHash === null) {
      this.#admitted.delete(keyHash);
      this.#recent.deleted(keyHash, revision);
    } else {
      if (before === undefined) this.#recent.restored(keyHash);
      this.#admitted.set(keyHash, recordHash, revision);
    }
  }

  /** A change that a blob of a later revision has in it already: only whether it still counts. */
  #indexFolded(revision: number, keyHash: Uint8Array, recordHash: Uint8Array | null): void {
    const current = this.#admitted.get(keyHash);
    if (current === undefined && recordHash === null) this.#recent.deleted(keyHash, revision);
    else if (
      current !== undefined &&
      recordHash !== null &&
      equalBytes(current.recordHash, recordHash)
    ) {
      this.#recent.replaced(current.tag);
      this.#admitted.set(keyHash, recordHash, revision);
    } else this.#recent.replaced(revision);
  }

  /**
   * Reads the stored rows, and yields after each step its number of entries: all of a large log
   * takes a second. Nothing may be asked of the log before its end. [LOG18]
   */
  *load(): Generator<number, void> {
    // Blobs have no tags: their revisions are no longer in the ring, unless a frame says otherwise.
    const held: Uint8Array[] = [];
    for (const entries of this.folding.load()) {
      held.push(entries);
      yield entryCount(entries);
    }
    this.#admitted = yield* HashTrie.ofSorted(concatBytes(...held));
    const newer = this.folding.unfinished();
    for (const revision of this.#store.frameRevisions(this.channel)) {
      const frame = must(this.#store.frameHead(this.channel, revision), `frame ${revision}`);
      this.#loadFrame(frame, newer);
      yield entryCount(frame.entries);
    }
    yield* this.received.load();
    if (this.#head === 0) return;
    const last = must(this.frame(this.#head), `frame ${this.#head} is missing`);
    this.#chain = nextChain(last.previous, last.revision, last.payload);
  }

  /** @param newer Blobs that a fold which was not finished has rewritten. */
  #loadFrame(
    { revision, previous, entries }: Omit<StoredFrame, "payload">,
    newer: readonly StoredBlobHead[],
  ): void {
    this.#head = revision;
    this.#recent.push(revision, previous, entryCount(entries));
    for (const { keyHash, recordHash } of readEntries(entries)) {
      const isFolded =
        revision <= this.folding.foldedTo ||
        newer.some((blob) => blob.revision >= revision && partitionHas(blob, keyHash));
      if (isFolded) this.#indexFolded(revision, keyHash, recordHash);
      else this.#index(revision, keyHash, recordHash);
    }
  }

  #saveState(): void {
    this.#store.saveChannel(this.channel, {
      epoch: this.#epoch,
      populated: this.#populated,
      foldedTo: this.folding.foldedTo,
    });
  }
}
