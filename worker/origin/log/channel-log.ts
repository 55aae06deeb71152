/**
 * One channel of an origin as a log: the index with its digest, the head and chain, the ring of frames, the blobs. What is in memory is
 * derived from what is stored and rebuilt from it at a start, by `load`; the rows are the truth.
 */
import { NO_CHAIN, nextChain } from "../../../shared/log/cursor.ts";
import type { LogBounds } from "../../../shared/log/cursor.ts";
import { HashTrie } from "../../../shared/log/hash-trie.ts";
import { overlapping, partitionHas, WHOLE } from "../../../shared/log/partition.ts";
import type { Partition, PartitionDigest } from "../../../shared/log/partition.ts";
import { concatBytes, equalBytes } from "../../../shared/lib/bytes.ts";
import { must } from "../../../shared/lib/assert.ts";
import { encodePayload } from "../../../shared/log/payload.ts";
import { copyHash } from "../../../shared/log/trie-leaf.ts";
import { HASH_BYTES } from "../../../shared/record/encoding.ts";
import type { Channel } from "../../../shared/record/channel.ts";
import { Fold } from "./fold.ts";
import type { BlobHead, Foldable, Folded } from "./fold.ts";
import type { AdmittedChange } from "./admitted-batch.ts";
import { RING_SLOTS } from "./log-store.ts";
import type { LogStore, StoredFrame } from "./log-store.ts";
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

const PAIR_BYTES = 2 * HASH_BYTES;
const ABSENT = new Uint8Array(HASH_BYTES);
/** Of frames that the hub makes itself, from several or from a part of one. */
const FRAME_LEVEL = 1;
/** Fold when this many keys have changed, or as many as there are if that is more: folding rewrites whole blobs. */
const FOLD_CHANGES = 2_000;
/** Fold at this many bytes of frames, whatever they are. */
const FOLD_BYTES = 4 * 1024 * 1024;
const FOLD_FRAMES = (RING_SLOTS * 5) / 8;
/** The rest of the ring is for one commit of many frames. */
const FULL_FRAMES = (RING_SLOTS * 7) / 8;

export class ChannelLog implements LogBounds, Foldable {
  readonly channel: Channel;
  readonly small: SmallFrames;
  readonly received: ReceivedSet;
  readonly #store: LogStore;
  #epoch: string;
  #populated: boolean;
  #foldedTo: number;
  #head = 0;
  #chain: Uint8Array = NO_CHAIN;
  #admitted = new HashTrie();
  readonly #recent = new RecentFrames();
  #blobs: { readonly bits: number; readonly prefix: number; readonly revision: number }[] = [];
  /** Folded, or to be folded first: the head when the last fold was due. */
  #foldTo: number;
  /** Keys that have changed behind it, about, and the bytes of the frames. */
  #changed = 0;
  #tailBytes = 0;
  /** The frame at the head, which all who are there are sent. */
  #last: StoredFrame | null = null;
  #fold: Fold | null = null;

  /** @param newEpoch Made when the store has no log yet: random, so that no two incarnations share one. */
  constructor(channel: Channel, store: LogStore, pieces: PieceBudget, newEpoch: () => string) {
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
    this.#foldedTo = state.foldedTo;
    this.#foldTo = state.foldedTo;
  }

  /** What it needs of memory, about: the index, what is remembered of frames, and the records that are being folded. */
  get bytes(): number {
    const folding = (this.#fold?.bytes ?? 0) + this.small.bytes;
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
  get populated(): boolean {
    return this.#populated;
  }
  get admitted(): HashTrie {
    return this.#admitted;
  }

  /** Answered as long as the log can say what changed since: from the rows of its ring, or because nothing older counts any more. */
  chainAt(revision: number): Uint8Array | undefined {
    if (revision === this.#head) return this.#chain;
    const chain = this.#recent.previousOf(revision + 1) ?? this.#unfoldedChain(revision);
    const next = chain === undefined ? undefined : this.#recent.nextLive(revision);
    return next !== undefined && next <= this.#head - RING_SLOTS ? undefined : chain;
  }

  /** What was not folded is in the ring, also where more deletes came than are remembered: a repair begins there. */
  #unfoldedChain(revision: number): Uint8Array | undefined {
    return revision < this.#foldedTo
      ? undefined
      : this.#store.frameHead(this.channel, revision + 1)?.previous;
  }

  /** The first frame after a revision of which something still counts. [LOG15] */
  nextLive(after: number): number | undefined {
    return this.#recent.nextLive(after);
  }

  /** Whether a frame's change of a key is the newest that there is. Of a delete that is not remembered any more every one counts: to delete twice does no harm. */
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
   * @param payload The payload that was received, when it holds just these changes: it is stored and sent as it came.
   */
  commit(changes: readonly AdmittedChange[], payload?: Uint8Array): StoredFrame {
    const revision = this.#head + 1;
    while (revision - RING_SLOTS > this.#foldedTo) this.#foldSome(Number.POSITIVE_INFINITY);
    const body =
      payload ??
      encodePayload(
        changes.map((c) => c.change),
        FRAME_LEVEL,
      );
    const entries = new Uint8Array(changes.length * PAIR_BYTES);
    let at = 0;
    for (const { keyHash, recordHash } of changes) {
      copyHash(keyHash, entries, at);
      copyHash(recordHash ?? ABSENT, entries, at + HASH_BYTES);
      at += PAIR_BYTES;
    }
    const frame: StoredFrame = { revision, previous: this.#chain, payload: body, entries };
    this.#store.putFrame(this.channel, frame);
    this.#recent.push(revision, frame.previous, changes.length);
    this.#chain = nextChain(frame.previous, revision, body);
    this.#head = revision;
    for (const { keyHash, recordHash } of changes) this.#index(revision, keyHash, recordHash);
    this.small.push(revision, changes);
    this.#tailBytes += body.length;
    this.#last = frame;
    return frame;
  }

  frame(revision: number): StoredFrame | undefined {
    if (revision === this.#last?.revision) return this.#last;
    return this.#store.frame(this.channel, revision);
  }

  /**
   * What a reader with these leaves needs: blobs that overlap what differs, and the tail behind the oldest of them. [LOG6] A log that was
   * never folded answers an empty blob, so that a difference always has a blob.
   */
  planRepair(leaves: readonly PartitionDigest[]): RepairAnswer {
    const different = leaves.filter((leaf) => !this.#admitted.matches(leaf));
    const cover: readonly BlobHead[] =
      this.#blobs.length === 0 ? [{ ...WHOLE, revision: 0 }] : this.#blobs;
    const blobs = overlapping(cover, different);
    const after = Math.min(
      ...blobs.map((blob) => Math.max(blob.revision, this.#foldedTo)),
      this.#head,
    );
    return {
      head: this.#head,
      blobs,
      after,
      chain: must(this.chainAt(after), `no chain at ${after}`),
    };
  }

  blob(
    partition: Partition,
  ): { readonly revision: number; readonly payload: Uint8Array } | undefined {
    if (this.#blobs.length === 0)
      return partition.bits === 0 ? { revision: 0, payload: encodePayload([]) } : undefined;
    const head = this.#blobs.find(
      (b) => b.bits === partition.bits && b.prefix === partition.prefix,
    );
    const stored = this.#store.blob(this.channel, partition);
    return head === undefined || stored === undefined
      ? undefined
      : { revision: Math.max(head.revision, this.#foldedTo), payload: stored.payload };
  }

  get needsFold(): boolean {
    return (
      this.isFolding ||
      this.#changed > Math.max(FOLD_CHANGES, this.#admitted.size) ||
      this.#tailBytes > FOLD_BYTES ||
      this.#head - this.#foldedTo > FOLD_FRAMES
    );
  }

  get isFolding(): boolean {
    return this.#fold !== null || this.#foldedTo < this.#foldTo;
  }

  /** Folding is behind: what is committed now would need more of the disk than it may, or fold all the rest at once. [LOG22] */
  get isFull(): boolean {
    if (this.#head - this.#foldedTo >= FULL_FRAMES) return true;
    return this.isFolding && this.#tailBytes > FOLD_BYTES;
  }

  /** Half of what may come before the fold that is under way must have ended. */
  get isHalfFull(): boolean {
    return this.#fullness >= 1 / 2;
  }

  /** Little of it. */
  get isCalm(): boolean {
    return this.#fullness < 1 / 4;
  }

  /** Of what may come before the fold that is under way must have ended; below 0 before it is due. */
  get #fullness(): number {
    const frames = (this.#head - this.#foldedTo - FOLD_FRAMES) / (FULL_FRAMES - FOLD_FRAMES);
    return Math.max(frames, this.#tailBytes / FOLD_BYTES);
  }

  /** One slice of folding, in a transaction of its own; answers what it rewrote. */
  foldSlice(blobs: number): Folded {
    return this.#store.transaction(() => this.#foldSome(blobs));
  }

  #foldSome(blobs: number): Folded {
    this.#fold ??= this.#beginFold();
    const folded = this.#fold.step(blobs);
    this.#blobs = [...this.#fold.blobs];
    if (!this.#fold.isDone) return folded;
    this.#foldedTo = this.#fold.head;
    this.small.forgetTo(this.#foldedTo);
    this.#fold = null;
    this.#saveState();
    return folded;
  }

  /** The rest of what was to be folded; else all there is, and what is committed from here on is the next fold's. */
  #beginFold(): Fold {
    if (this.#foldTo <= this.#foldedTo) {
      this.#foldTo = this.#head;
      this.#changed = 0;
      this.#tailBytes = 0;
    }
    const [after, to] = [this.#foldedTo, this.#foldTo];
    return new Fold(this, this.#store, this.#blobs, after, to);
  }

  /** A change that is the newest so far. */
  #index(revision: number, keyHash: Uint8Array, recordHash: Uint8Array | null): void {
    const before = this.#admitted.tagOf(keyHash);
    if ((before ?? 0) <= this.#foldTo) this.#changed++;
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
   * Reads what is stored, and yields after each part how many entries it had: of a large log all of it takes a second. Until its end nothing is asked of
   * the log. [LOG18]
   */
  *load(): Generator<number, void> {
    // No tags: of revisions that the ring holds no more, unless a frame of it says otherwise.
    const held: Uint8Array[] = [];
    for (const blob of this.#store.blobHeads(this.channel)) {
      this.#blobs.push(blob);
      held.push(must(this.#store.blobEntries(this.channel, blob), "entries of a blob"));
      yield (held.at(-1)?.length ?? 0) / PAIR_BYTES;
    }
    this.#admitted = yield* HashTrie.ofSorted(concatBytes(...held));
    const newer = this.#blobs.filter((blob) => blob.revision > this.#foldedTo);
    for (const revision of this.#store.frameRevisions(this.channel)) {
      const frame = must(this.#store.frameHead(this.channel, revision), `frame ${revision}`);
      this.#loadFrame(frame, newer);
      yield frame.entries.length / PAIR_BYTES;
    }
    yield* this.received.load();
    if (this.#head === 0) return;
    const last = must(this.frame(this.#head), `frame ${this.#head} is missing`);
    this.#chain = nextChain(last.previous, last.revision, last.payload);
  }

  /** @param newer Blobs that a fold which was not finished has rewritten. */
  #loadFrame(
    { revision, previous, entries }: Omit<StoredFrame, "payload">,
    newer: readonly BlobHead[],
  ): void {
    this.#head = revision;
    this.#recent.push(revision, previous, entries.length / PAIR_BYTES);
    for (const [keyHash, recordHash] of pairsOf(entries)) {
      const isFolded =
        revision <= this.#foldedTo ||
        newer.some((blob) => blob.revision >= revision && partitionHas(blob, keyHash));
      if (isFolded) this.#indexFolded(revision, keyHash, recordHash);
      else this.#index(revision, keyHash, recordHash);
    }
  }

  #saveState(): void {
    this.#store.saveChannel(this.channel, {
      epoch: this.#epoch,
      populated: this.#populated,
      foldedTo: this.#foldedTo,
    });
  }
}

/** Key hash and record hash, `null` for a delete, of each change. */
function* pairsOf(entries: Uint8Array): Generator<[Uint8Array, Uint8Array | null]> {
  for (let at = 0; at < entries.length; at += PAIR_BYTES) {
    const recordHash = entries.subarray(at + HASH_BYTES, at + PAIR_BYTES);
    const isDelete = equalBytes(recordHash, ABSENT);
    yield [entries.subarray(at, at + HASH_BYTES), isDelete ? null : recordHash];
  }
}
