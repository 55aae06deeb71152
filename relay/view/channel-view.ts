/**
 * The view of one channel of a remote: a reducer over the hub's watch messages. It holds every record it was sent until the origin deletes it or an
 * access message withdraws it; a gap, another chain, another epoch or another digest is repaired by digest, never guessed. [VIE1..VIE8]
 *
 * What a repair does not confirm is not deleted but *stale*: kept and served, until a checkpoint says that a publisher has reconciled and
 * so what is missing is really gone.
 */
import { equalBytes, toId } from "../../shared/lib/bytes.ts";
import { NO_CHAIN } from "../../shared/log/cursor.ts";
import type { Cursor } from "../../shared/log/cursor.ts";
import { HashTrie, partitionHas } from "../../shared/log/hash-trie.ts";
import type { Partition } from "../../shared/log/hash-trie.ts";
import type { Checkpoint, RepairPlan } from "../../shared/protocol/messages.ts";
import type { Channel } from "../../shared/record/channel.ts";
import { readRecord, hashKey, hashRecord } from "../../shared/record/encoding.ts";
import { keyOf } from "../../shared/record/key.ts";
import type { CalicoRecord } from "../../shared/record/record.ts";
import type { OpenedBlob, Placed, Tail } from "./opened.ts";
import type { PlacedChange, Records, StoredRecord } from "./records.ts";

export interface HeldRecord {
  readonly key: string;
  readonly record: CalicoRecord;
  /** Revision of the frame or blob that brought it. */
  readonly revision: number;
}

/** A change of what the view holds, for whoever serves it. */
export type ViewChange =
  /** `isNew`: the key was not held before. */
  | { readonly op: "put"; readonly held: HeldRecord; readonly isNew: boolean }
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
  readonly plan: Omit<RepairPlan, "origin">;
  blobsLeft: number;
  readonly covered: { readonly partition: Partition; readonly revision: number }[];
  /** Revision from which on every change counts again. */
  until: number;
}

const NOTHING: ViewOutcome = { changes: [], persist: false, repair: false };
const REPAIR: ViewOutcome = { changes: [], persist: false, repair: true };

export class ChannelView {
  readonly channel: Channel;
  readonly #records: Records;
  /** What is confirmed; the tag is the record's place. */
  readonly #trie = new HashTrie();
  readonly #stale = new HashTrie();
  #cursor: Cursor | null = null;
  #verified: ChannelHealth["verified"] = null;
  #isPopulated = false;
  #wasComplete = false;
  #repair: Repair | null = null;
  #isRepairAsked = false;

  constructor(channel: Channel, records: Records) {
    this.channel = channel;
    this.#records = records;
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

  /** What is held in a partition, stale records included; all of it by default. */
  *records(partition?: Partition): Generator<HeldRecord> {
    for (const trie of [this.#trie, this.#stale])
      for (const { tag } of trie.entries(partition)) yield this.#held(tag);
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
      records: this.#trie.size + this.#stale.size,
    };
  }

  /** From the view's file: a record that was held when it was rewritten. */
  restore(bytes: Uint8Array, place: number): void {
    const read = readRecord(bytes);
    if (read.ok) this.#trie.set(hashKey(keyOf(read.record)), hashRecord(bytes), place);
  }

  /** From the view's file: where it stood when it was rewritten. */
  restorePosition(
    cursor: Cursor | null,
    verified: ChannelHealth["verified"],
    isPopulated: boolean,
  ): void {
    this.#cursor = cursor;
    this.#verified = verified;
    this.#isPopulated = isPopulated;
  }

  /** What the view's file says of a time before it was rewritten. */
  restoreComplete(): void {
    this.#wasComplete = true;
  }

  /** Its file was rewritten: new places of what is confirmed, in the order of the keys. */
  move(places: Float64Array): void {
    let at = 0;
    for (const { keyHash, recordHash } of this.#trie.entries())
      this.#trie.set(keyHash, recordHash, places[at++] as number);
  }

  get isPopulated(): boolean {
    return this.#isPopulated;
  }

  /** A connection begins: what a broken repair had left is asked for again. */
  onConnect(): void {
    this.#isRepairAsked = false;
    if (this.#repair !== null) {
      this.#repair = null;
      this.#cursor = null;
    }
  }

  apply(message: Placed): ViewOutcome {
    switch (message.type) {
      case "repair-needed":
        this.#isRepairAsked = true;
        return REPAIR;
      case "unreadable":
        return this.#askRepair();
      case "repair-plan":
        return this.#onPlan(message);
      case "blob":
        return this.#onBlob(message);
      case "tail":
        return this.#onTail(message);
      case "checkpoint":
        return this.#onCheckpoint(message);
    }
  }

  #onPlan(plan: Omit<RepairPlan, "origin">): ViewOutcome {
    this.#isRepairAsked = false;
    this.#cursor = { epoch: plan.epoch, revision: plan.after, chain: plan.chain };
    this.#verified = null;
    this.#repair = { plan, blobsLeft: plan.blobs, covered: [], until: plan.head };
    this.#finishRepair();
    return { changes: [], persist: true, repair: false };
  }

  #onBlob(blob: OpenedBlob<PlacedChange>): ViewOutcome {
    const repair = this.#repair;
    if (repair === null || repair.blobsLeft === 0) return NOTHING;
    const partition = { bits: blob.bits, prefix: blob.prefix };
    const changes: ViewChange[] = [];
    const confirmed = new Set<string>();
    for (const change of blob.changes) {
      if (change.op !== "put") continue;
      const put = this.#put(change, blob.revision);
      if (put === null) continue;
      confirmed.add(put.id);
      if (put.change !== null) changes.push(put.change);
    }
    // A list of its own: the loop takes entries out.
    const before = Array.from(this.#trie.entries(partition));
    for (const { keyHash, recordHash, tag } of before) {
      if (confirmed.has(toId(keyHash))) continue;
      this.#trie.delete(keyHash);
      this.#stale.set(keyHash, recordHash, tag);
    }
    repair.covered.push({ partition, revision: blob.revision });
    repair.until = Math.max(repair.until, blob.revision);
    repair.blobsLeft--;
    this.#finishRepair();
    return { changes, persist: true, repair: false };
  }

  #onTail(tail: Tail<PlacedChange>): ViewOutcome {
    const cursor = this.#cursor;
    if (cursor === null || this.#isRepairAsked) return NOTHING;
    if (this.#repair !== null && this.#repair.blobsLeft > 0) return this.#askRepair();
    if (tail.revision <= cursor.revision) return NOTHING;
    if (tail.after > cursor.revision) return this.#askRepair();
    // One that begins before the position (a hub that slept goes on from what was acknowledged) says the newest of each key all the same. [VIE16]
    if (tail.after === cursor.revision && !equalBytes(tail.previous, cursor.chain))
      return this.#askRepair();
    const changes: ViewChange[] = [];
    for (const change of tail.changes) {
      if (change.op === "delete") {
        if (this.#isCovered(change.keyHash, tail.revision)) continue;
        const deleted = this.#delete(change.keyHash);
        if (deleted !== null) changes.push(deleted);
      } else {
        const put = this.#put(change, tail.revision);
        if (put !== null && put.change !== null) changes.push(put.change);
      }
    }
    this.#cursor = { epoch: cursor.epoch, revision: tail.revision, chain: tail.chain };
    this.#finishRepair();
    return { changes, persist: true, repair: false };
  }

  #onCheckpoint(checkpoint: Omit<Checkpoint, "origin">): ViewOutcome {
    const cursor = this.#cursor;
    if (cursor === null || this.#isRepairAsked || checkpoint.epoch !== cursor.epoch) return NOTHING;
    if (checkpoint.revision !== cursor.revision || this.#repair !== null) return NOTHING;
    if (!equalBytes(this.#trie.digest(), checkpoint.digest)) return this.#askRepair();
    this.#verified = { revision: checkpoint.revision, digest: checkpoint.digest };
    this.#isPopulated = checkpoint.populated;
    this.#wasComplete ||= checkpoint.populated;
    if (!checkpoint.sweep) return { changes: [], persist: true, repair: false };
    const changes: ViewChange[] = [];
    const stale = Array.from(this.#stale.entries());
    for (const { keyHash, tag } of stale) {
      changes.push({ op: "delete", held: this.#held(tag) });
      this.#stale.delete(keyHash);
      this.#records.free(tag);
    }
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
    { bytes, place }: Extract<PlacedChange, { op: "put" }>,
    revision: number,
  ): { readonly id: string; readonly change: ViewChange | null } | null {
    const decoded = readRecord(bytes);
    if (!decoded.ok) return null;
    const { record } = decoded;
    const key = keyOf(record);
    const keyHash = hashKey(key);
    if (this.#repair !== null && this.#repair.blobsLeft === 0 && this.#isCovered(keyHash, revision))
      return null;
    const recordHash = hashRecord(bytes);
    const before = this.#trie.get(keyHash) ?? this.#stale.get(keyHash);
    this.#stale.delete(keyHash);
    this.#trie.set(keyHash, recordHash, place);
    if (before !== undefined) this.#records.free(before.tag);
    const id = toId(keyHash);
    if (before !== undefined && equalBytes(before.recordHash, recordHash))
      return { id, change: null };
    const held = { key, record, revision };
    return { id, change: { op: "put", held, isNew: before === undefined } };
  }

  #delete(keyHash: Uint8Array): ViewChange | null {
    const place = this.#trie.tagOf(keyHash) ?? this.#stale.tagOf(keyHash);
    if (place === undefined) return null;
    const held = this.#held(place);
    this.#trie.delete(keyHash);
    this.#stale.delete(keyHash);
    this.#records.free(place);
    return { op: "delete", held };
  }

  #held(place: number): HeldRecord {
    return heldOf(this.#records.read(place));
  }
}

/** @throws Error for bytes that were never a record: only such are given a place. */
function heldOf({ bytes, revision }: StoredRecord): HeldRecord {
  const read = readRecord(bytes);
  if (!read.ok) throw new Error(`BUG: a held record is unreadable: ${read.error.rule}`);
  return { key: keyOf(read.record), record: read.record, revision };
}
