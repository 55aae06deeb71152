/**
 * The view of one channel of a remote: a reducer over the hub's watch messages. It holds every
 * record it was sent until the origin deletes it or an access message withdraws it; a gap, another
 * chain, another epoch or another digest is repaired by digest, never guessed. [VIE2..VIE8]
 *
 * What a repair does not confirm is not deleted but *stale*: kept and served, until a checkpoint says that a publisher has reconciled and
 * so what is missing is really gone.
 */
import { equalBytes, toId } from "../../shared/lib/bytes.ts";
import { NO_CHAIN } from "../../shared/log/cursor.ts";
import type { Cursor } from "../../shared/log/cursor.ts";
import { HashTrie } from "../../shared/log/hash-trie.ts";
import type { Partition } from "../../shared/log/partition.ts";
import type { Checkpoint, RepairPlan } from "../../shared/protocol/messages.ts";
import type { Channel } from "../../shared/record/channel.ts";
import { decodeRecord, hashRecord, keyHashOf } from "../../shared/record/encoding.ts";
import { keyOf } from "../../shared/record/key.ts";
import type { CalicoRecord } from "../../shared/record/record.ts";
import type { OpenedBlob, Placed, Tail } from "./opened.ts";
import type { PlacedChange, Records, StoredRecord } from "./records.ts";
import { Repair } from "./repair.ts";
import type { Followed } from "./repair.ts";

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

type PlacedPut = Extract<PlacedChange, { op: "put" }>;

const NOTHING: ViewOutcome = { changes: [], persist: false, repair: false };
const REPAIR: ViewOutcome = { changes: [], persist: false, repair: true };

export class ChannelView {
  readonly channel: Channel;
  readonly #records: Records;
  /** What is confirmed; the tag is the record's place. */
  #trie = new HashTrie();
  #stale = new HashTrie();
  #cursor: Cursor | null = null;
  #verified: ChannelHealth["verified"] = null;
  #isPopulated = false;
  #wasComplete = false;
  #repair: Repair | null = null;
  #followed: Followed | null = null;
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

  /** The record with this key, stale or not. */
  at(keyHash: Uint8Array): HeldRecord | null {
    const place = this.#trie.tagOf(keyHash) ?? this.#stale.tagOf(keyHash);
    return place === undefined ? null : this.#held(place);
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
    const read = decodeRecord(bytes);
    if (read.ok) this.#trie.set(keyHashOf(read.record), hashRecord(bytes), place);
  }

  /** From the view's file: where it stood when it was rewritten. */
  restorePosition(
    cursor: Cursor | null,
    verified: ChannelHealth["verified"],
    isPopulated: boolean,
  ): void {
    if (cursor !== null) this.#moveTo(cursor);
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

  /** Where all that is held lies, stale or not, in the order of places: read like this it costs a quarter. */
  places(): Float64Array {
    const places = new Float64Array(this.#trie.size + this.#stale.size);
    let at = 0;
    for (const trie of [this.#trie, this.#stale])
      for (const { tag } of trie.entries()) places[at++] = tag;
    return places.sort();
  }

  /** Holds this from now on, of no log's position: the hub is asked for everything by digest. */
  replace(trie: HashTrie): void {
    this.#trie = trie;
    this.#stale = new HashTrie();
    this.#cursor = this.#verified = this.#repair = null;
    this.#isRepairAsked = false;
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
    const holdsAny = this.#trie.size + this.#stale.size > 0;
    this.#repair = new Repair(plan, this.#followed, holdsAny);
    // From its first blob on the view holds something of the other log, and is of no log until the
    // repair is over.
    if (this.#repair.isOfOther) this.#followed = null;
    this.#moveTo({ epoch: plan.epoch, revision: plan.after, chain: plan.chain });
    this.#verified = null;
    return { changes: this.#finishRepair(), persist: true, repair: false };
  }

  #onBlob(blob: OpenedBlob<PlacedChange>): ViewOutcome {
    const repair = this.#repair;
    if (repair === null || repair.blobsLeft === 0) return NOTHING;
    const partition = { bits: blob.bits, prefix: blob.prefix };
    const changes: ViewChange[] = [];
    const confirmed = new Set<string>();
    for (const change of blob.changes) {
      const put = change.op === "put" ? readPut(change) : null;
      if (put === null) continue;
      confirmed.add(toId(put.keyHash));
      changes.push(...this.#change(put.keyHash, put, blob.revision));
    }
    // A list of its own: the loop takes entries out.
    const before = Array.from(this.#trie.entries(partition));
    for (const { keyHash, recordHash, tag } of before) {
      if (confirmed.has(toId(keyHash))) continue;
      this.#trie.delete(keyHash);
      this.#stale.set(keyHash, recordHash, tag);
    }
    repair.cover(partition, blob.revision);
    changes.push(...this.#finishRepair());
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
    const changes = tail.changes.flatMap((change) => {
      const put = change.op === "put" ? readPut(change) : null;
      const keyHash = change.op === "delete" ? change.keyHash : put?.keyHash;
      if (keyHash === undefined || this.#repair?.covers(keyHash, tail.revision) === true) return [];
      return this.#change(keyHash, put, tail.revision);
    });
    this.#moveTo({ epoch: cursor.epoch, revision: tail.revision, chain: tail.chain });
    changes.push(...this.#finishRepair());
    return { changes, persist: true, repair: false };
  }

  #onCheckpoint(checkpoint: Omit<Checkpoint, "origin">): ViewOutcome {
    const cursor = this.#cursor;
    if (cursor === null || this.#isRepairAsked || checkpoint.epoch !== cursor.epoch) return NOTHING;
    if (checkpoint.revision !== cursor.revision) return NOTHING;
    const changes = this.#finishRepair(true);
    if (this.#repair !== null) return NOTHING;
    if (!equalBytes(this.#trie.digest(), checkpoint.digest))
      return bothOf({ changes, persist: true, repair: false }, this.#askRepair());
    this.#verified = { revision: checkpoint.revision, digest: checkpoint.digest };
    this.#isPopulated = checkpoint.populated;
    this.#wasComplete ||= checkpoint.populated;
    if (!checkpoint.sweep) return { changes, persist: true, repair: false };
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

  #moveTo(cursor: Cursor): void {
    this.#cursor = cursor;
    const { epoch, revision } = cursor;
    // Not before it is all of this log: what is held of another one may still be newer.
    if (this.#repair?.isOfOther === true) return;
    if (this.#followed?.epoch !== epoch || this.#followed.revision < revision)
      this.#followed = { epoch, revision };
  }

  /**
   * Answers what was deferred and holds. A tail says of each key the newest change only, and of one
   * that has changed behind its end it says nothing: what was deferred waits for the log's head.
   * @param isHead The hub has just told the digest of where this view stands: it has all there is.
   */
  #finishRepair(isHead = false): ViewChange[] {
    const repair = this.#repair;
    if (repair === null || !repair.isOverAt(this.#cursor?.revision ?? 0)) return [];
    if (repair.hasDeferred && !isHead) return [];
    this.#repair = null;
    if (this.#cursor !== null) this.#moveTo(this.#cursor);
    return [...repair.deferred()].flatMap(({ keyHash, place }) => {
      if (place === null) return this.#doubt(keyHash);
      const { bytes, revision } = this.#records.read(place);
      const put = readPut({ bytes, place });
      return put === null ? [] : this.#put(put, revision);
    });
  }

  /** Not yet where the log speaks of a time that this view had passed: it would go back to an older state. [VIE17] */
  #change(keyHash: Uint8Array, put: ReadPut | null, revision: number): ViewChange[] {
    const held = this.#trie.get(keyHash) ?? this.#stale.get(keyHash);
    const isHeld =
      held !== undefined && put !== null && equalBytes(held.recordHash, put.recordHash);
    if (!isHeld && this.#repair?.isPast(revision, held !== undefined) === true) {
      this.#repair.defer(keyHash, put?.place ?? null);
      return [];
    }
    this.#repair?.settle(keyHash);
    if (put !== null) return this.#put(put, revision);
    return this.#repair?.isDoubtful(revision) === true
      ? this.#doubt(keyHash)
      : this.#delete(keyHash);
  }

  /** Not confirmed any more. */
  #doubt(keyHash: Uint8Array): ViewChange[] {
    const held = this.#trie.get(keyHash);
    if (held === undefined) return [];
    this.#trie.delete(keyHash);
    this.#stale.set(keyHash, held.recordHash, held.tag);
    return [];
  }

  #put(put: ReadPut, revision: number): ViewChange[] {
    const { keyHash, recordHash, key, record, place } = put;
    const before = this.#trie.get(keyHash) ?? this.#stale.get(keyHash);
    this.#stale.delete(keyHash);
    this.#trie.set(keyHash, recordHash, place);
    if (before !== undefined) this.#records.free(before.tag);
    if (before !== undefined && equalBytes(before.recordHash, recordHash)) return [];
    return [{ op: "put", held: { key, record, revision }, isNew: before === undefined }];
  }

  #delete(keyHash: Uint8Array): ViewChange[] {
    const place = this.#trie.tagOf(keyHash) ?? this.#stale.tagOf(keyHash);
    if (place === undefined) return [];
    const held = this.#held(place);
    this.#trie.delete(keyHash);
    this.#stale.delete(keyHash);
    this.#records.free(place);
    return [{ op: "delete", held }];
  }

  #held(place: number): HeldRecord {
    return heldOf(this.#records.read(place));
  }
}

interface ReadPut {
  readonly place: number;
  readonly key: string;
  readonly keyHash: Uint8Array;
  readonly recordHash: Uint8Array;
  readonly record: CalicoRecord;
}

/** `null` for a record that is malformed: never from our hub. */
function readPut({ bytes, place }: Pick<PlacedPut, "bytes" | "place">): ReadPut | null {
  const read = decodeRecord(bytes);
  if (!read.ok) return null;
  const { record } = read;
  return {
    place,
    key: keyOf(record),
    keyHash: keyHashOf(record),
    recordHash: hashRecord(bytes),
    record,
  };
}

/** What follows from one message and the next. */
export function bothOf(first: ViewOutcome, second: ViewOutcome): ViewOutcome {
  return {
    changes: [...first.changes, ...second.changes],
    persist: first.persist || second.persist,
    repair: first.repair || second.repair,
  };
}

/** @throws Error for bytes that were never a record: only such are given a place. */
export function heldOf({ bytes, revision }: StoredRecord): HeldRecord {
  const read = decodeRecord(bytes);
  if (!read.ok) throw new Error(`BUG: a held record is unreadable: ${read.error.rule}`);
  return { key: keyOf(read.record), record: read.record, revision };
}
