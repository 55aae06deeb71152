/**
 * The view of one channel of a remote: a reducer over the hub's watch messages. It holds every record it was sent until the origin deletes it or an
 * access message withdraws it; a gap, another chain, another epoch or another digest is repaired by digest, never guessed. [VIE1..VIE8]
 *
 * What a repair does not confirm is not deleted but *stale*: kept and served, until a checkpoint says that a publisher has reconciled and
 * so what is missing is really gone.
 */
import { equalBytes, toHex } from "../../shared/lib/bytes.ts";
import { NO_CHAIN, nextChain } from "../../shared/log/cursor.ts";
import type { Cursor } from "../../shared/log/cursor.ts";
import { HashTrie, partitionHas } from "../../shared/log/hash-trie.ts";
import type { Partition } from "../../shared/log/hash-trie.ts";
import { decodePayload } from "../../shared/log/payload.ts";
import type {
  Blob,
  CatchUp,
  Checkpoint,
  Frame,
  RepairPlan,
  WatchMessage,
} from "../../shared/protocol/messages.ts";
import type { Channel } from "../../shared/record/channel.ts";
import { readRecord, hashKey, hashRecord } from "../../shared/record/encoding.ts";
import { keyOf } from "../../shared/record/key.ts";
import type { CalicoRecord } from "../../shared/record/record.ts";

export interface HeldRecord {
  readonly key: string;
  readonly record: CalicoRecord;
  readonly bytes: Uint8Array;
  /** Revision of the frame or blob that brought it. */
  readonly revision: number;
}

/** A change of what the view holds, for whoever serves it. */
export type ViewChange =
  | { readonly op: "put"; readonly held: HeldRecord }
  | { readonly op: "delete"; readonly held: HeldRecord };

export interface ChannelHealth {
  readonly cursor: Cursor | null;
  /** Digest that was verified last, and at which revision. */
  readonly verified: { readonly revision: number; readonly digest: Uint8Array } | null;
  /** Verified at the cursor, of a populated log, with nothing stale. */
  readonly isInSync: boolean;
  /** Once it was all that a populated log held: from then on it may be stale, but what is missing is new. */
  readonly wasComplete: boolean;
  /** A repair has begun and not caught up: what the file holds is not yet a position. */
  readonly isRepairing: boolean;
  readonly stale: number;
  readonly records: number;
}

/** What follows from a message. */
export interface ViewOutcome {
  readonly changes: readonly ViewChange[];
  /** The message belongs into the view's file. */
  readonly persist: boolean;
  /** A repair is needed: send the leaves. */
  readonly repair: boolean;
}

interface Repair {
  readonly plan: RepairPlan;
  blobsLeft: number;
  readonly covered: { readonly partition: Partition; readonly revision: number }[];
  /** Revision from which on every change counts again. */
  until: number;
}

const NOTHING: ViewOutcome = { changes: [], persist: false, repair: false };
const REPAIR: ViewOutcome = { changes: [], persist: false, repair: true };

export class ChannelView {
  readonly channel: Channel;
  readonly #trie = new HashTrie();
  readonly #held = new Map<string, HeldRecord>();
  readonly #stale = new Map<string, HeldRecord>();
  #cursor: Cursor | null = null;
  #verified: ChannelHealth["verified"] = null;
  #isPopulated = false;
  #wasComplete = false;
  #repair: Repair | null = null;
  #isRepairAsked = false;

  constructor(channel: Channel) {
    this.channel = channel;
  }

  get cursor(): Cursor | null {
    return this.#repair === null || this.#repair.blobsLeft === 0 ? this.#cursor : null;
  }

  /** Position to acknowledge: 0 while a repair has not caught up, so that nobody resumes in the middle of one. */
  get acknowledged(): { readonly revision: number; readonly chain: Uint8Array } {
    const cursor = this.#repair === null ? this.#cursor : null;
    return cursor ?? { revision: 0, chain: NO_CHAIN };
  }

  get trie(): HashTrie {
    return this.#trie;
  }

  /** Confirmed records by hex key hash (not the stale ones). */
  held(): ReadonlyMap<string, HeldRecord> {
    return this.#held;
  }

  *records(): Generator<HeldRecord> {
    yield* this.#held.values();
    yield* this.#stale.values();
  }

  health(): ChannelHealth {
    const isCurrent = this.#verified !== null && this.#verified.revision === this.#cursor?.revision;
    return {
      cursor: this.#cursor,
      verified: this.#verified,
      isInSync:
        isCurrent &&
        this.#isPopulated &&
        this.#stale.size === 0 &&
        this.#repair === null &&
        !this.#isRepairAsked,
      wasComplete: this.#wasComplete,
      isRepairing: this.#repair !== null,
      stale: this.#stale.size,
      records: this.#held.size + this.#stale.size,
    };
  }

  /** What the view's file says of a time before it was rewritten. */
  restoreComplete(): void {
    this.#wasComplete = true;
  }

  /** A connection begins: what a broken repair had left is asked for again. */
  onConnect(): void {
    this.#isRepairAsked = false;
    if (this.#repair !== null) {
      this.#repair = null;
      this.#cursor = null;
    }
  }

  onMessage(message: WatchMessage): ViewOutcome {
    switch (message.type) {
      case "repair-needed":
        this.#isRepairAsked = true;
        return REPAIR;
      case "repair-plan":
        return this.#onPlan(message);
      case "blob":
        return this.#onBlob(message);
      case "frame":
        return this.#onTail(message, message.revision - 1, (frame) =>
          nextChain(frame.previous, frame.revision, frame.payload),
        );
      case "catch-up":
        return this.#onTail(message, message.after, ({ chain }) => chain);
      case "checkpoint":
        return this.#onCheckpoint(message);
      case "watch-welcome":
      case "resume":
        return NOTHING;
    }
  }

  #onPlan(plan: RepairPlan): ViewOutcome {
    this.#isRepairAsked = false;
    this.#cursor = { epoch: plan.epoch, revision: plan.after, chain: plan.chain };
    this.#verified = null;
    this.#repair = { plan, blobsLeft: plan.blobs, covered: [], until: plan.head };
    this.#finishRepair();
    return { changes: [], persist: true, repair: false };
  }

  #onBlob(blob: Blob): ViewOutcome {
    const repair = this.#repair;
    if (repair === null || repair.blobsLeft === 0) return NOTHING;
    const decoded = decodePayload(blob.payload);
    if (!decoded.ok) return this.#askRepair();
    const partition = { bits: blob.bits, prefix: blob.prefix };
    const changes: ViewChange[] = [];
    const confirmed = new Set<string>();
    for (const change of decoded.changes) {
      if (change.op !== "put") continue;
      const put = this.#put(change.bytes, blob.revision);
      if (put === null) continue;
      confirmed.add(put.id);
      if (put.change !== null) changes.push(put.change);
    }
    const before = [...this.#trie.entries(partition)];
    for (const entry of before) {
      const id = toHex(entry.keyHash);
      const held = this.#held.get(id);
      if (confirmed.has(id) || held === undefined) continue;
      this.#trie.delete(entry.keyHash);
      this.#held.delete(id);
      this.#stale.set(id, held);
    }
    repair.covered.push({ partition, revision: blob.revision });
    repair.until = Math.max(repair.until, blob.revision);
    repair.blobsLeft--;
    this.#finishRepair();
    return { changes, persist: true, repair: false };
  }

  /** What follows the cursor: one frame, or the net effect of several, whose changes count as of its last revision. */
  #onTail<M extends Frame | CatchUp>(
    frame: M,
    after: number,
    chainAfter: (frame: M) => Uint8Array,
  ): ViewOutcome {
    const cursor = this.#cursor;
    if (cursor === null || this.#isRepairAsked) return NOTHING;
    if (this.#repair !== null && this.#repair.blobsLeft > 0) return this.#askRepair();
    if (frame.revision <= cursor.revision) return NOTHING;
    if (after !== cursor.revision || !equalBytes(frame.previous, cursor.chain))
      return this.#askRepair();
    const decoded = decodePayload(frame.payload);
    if (!decoded.ok) return this.#askRepair();
    const changes: ViewChange[] = [];
    for (const change of decoded.changes) {
      if (change.op === "delete") {
        if (this.#isCovered(change.keyHash, frame.revision)) continue;
        const deleted = this.#delete(change.keyHash);
        if (deleted !== null) changes.push(deleted);
      } else {
        const put = this.#put(change.bytes, frame.revision);
        if (put === null) continue;
        if (put.change !== null) changes.push(put.change);
      }
    }
    const { revision } = frame;
    this.#cursor = { epoch: cursor.epoch, revision, chain: chainAfter(frame) };
    this.#finishRepair();
    return { changes, persist: true, repair: false };
  }

  #onCheckpoint(checkpoint: Checkpoint): ViewOutcome {
    const cursor = this.#cursor;
    if (cursor === null || this.#isRepairAsked || checkpoint.epoch !== cursor.epoch) return NOTHING;
    if (checkpoint.revision !== cursor.revision || this.#repair !== null) return NOTHING;
    if (!equalBytes(this.#trie.digest(), checkpoint.digest)) return this.#askRepair();
    this.#verified = { revision: checkpoint.revision, digest: checkpoint.digest };
    this.#isPopulated = checkpoint.populated;
    this.#wasComplete ||= checkpoint.populated;
    if (!checkpoint.sweep) return { changes: [], persist: true, repair: false };
    const changes = [...this.#stale.values()].map((held): ViewChange => ({ op: "delete", held }));
    this.#stale.clear();
    return { changes, persist: true, repair: false };
  }

  #askRepair(): ViewOutcome {
    this.#isRepairAsked = true;
    this.#repair = null;
    this.#verified = null;
    return REPAIR;
  }

  #finishRepair(): void {
    const repair = this.#repair;
    if (repair === null || repair.blobsLeft > 0) return;
    if ((this.#cursor?.revision ?? 0) >= repair.until) this.#repair = null;
  }

  /** Whether a tail change is already in what the repair brought (or confirmed) for its key. */
  #isCovered(keyHash: Uint8Array, revision: number): boolean {
    const repair = this.#repair;
    if (repair === null) return false;
    const blob = repair.covered.find(({ partition }) => partitionHas(partition, keyHash));
    return revision <= (blob?.revision ?? repair.plan.head);
  }

  /** `null` for a record that must not be applied: malformed (never from our hub), or covered by a repair. */
  #put(
    bytes: Uint8Array,
    revision: number,
  ): { readonly id: string; readonly change: ViewChange | null } | null {
    const decoded = readRecord(bytes);
    if (!decoded.ok) return null;
    const key = keyOf(decoded.record);
    const keyHash = hashKey(key);
    const id = toHex(keyHash);
    if (this.#repair !== null && this.#repair.blobsLeft === 0 && this.#isCovered(keyHash, revision))
      return null;
    const held: HeldRecord = { key, record: decoded.record, bytes, revision };
    const before = this.#held.get(id) ?? this.#stale.get(id);
    this.#stale.delete(id);
    this.#held.set(id, held);
    this.#trie.set(keyHash, hashRecord(bytes), 0);
    const isSame = before !== undefined && equalBytes(before.bytes, bytes);
    return { id, change: isSame ? null : { op: "put", held } };
  }

  #delete(keyHash: Uint8Array): ViewChange | null {
    const id = toHex(keyHash);
    const held = this.#held.get(id) ?? this.#stale.get(id);
    if (held === undefined) return null;
    this.#held.delete(id);
    this.#stale.delete(id);
    this.#trie.delete(keyHash);
    return { op: "delete", held };
  }
}
