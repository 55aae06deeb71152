/**
 * The view of one channel of a remote: applies the hub's watch messages to what it holds. It holds
 * every record it was sent until the origin deletes it or an access message withdraws it; a gap,
 * another chain, another epoch or another digest is repaired by digest, never guessed.
 * What a message means where the view stands is said by `channel-state.ts`. [VIE21]
 */
import { equalBytes, toId } from "../../shared/lib/bytes.ts";
import { NO_CHAIN } from "../../shared/log/cursor.ts";
import type { Cursor } from "../../shared/log/cursor.ts";
import type { HashTrie } from "../../shared/log/hash-trie.ts";
import type { LogChange } from "../../shared/log/payload.ts";
import type { Partition } from "../../shared/log/partition.ts";
import type { Checkpoint, RepairPlan } from "../../shared/protocol/messages.ts";
import type { Channel } from "../../shared/record/channel.ts";
import {
  cursorIn,
  isRepair,
  nextChannelState,
  positionIn,
  UNPLACED,
  verifiedIn,
} from "./channel-state.ts";
import type { ChannelEvent, ChannelState, Verdict, Verified } from "./channel-state.ts";
import type { Weight } from "./bounds.ts";
import { HeldRecords, readPut } from "./held-records.ts";
import type { HeldRecord, ReadPut, ViewChange } from "./held-records.ts";
import type { OpenedBlob, Placed, Tail } from "./opened.ts";
import type { PlacedChange, Records } from "./records.ts";
import { FollowedLog, Repair } from "./repair.ts";
import { NOTHING, REPAIR } from "./view-outcome.ts";
import type { ViewOutcome } from "./view-outcome.ts";

export interface ChannelHealth {
  readonly cursor: Cursor | null;
  /** Digest that was verified last, and at which revision. */
  readonly verified: Verified | null;
  /** Verified at the cursor, of a populated log, with nothing stale. */
  readonly isInSync: boolean;
  /** Once it was all that a populated log held: what is missing since then is new. */
  readonly wasComplete: boolean;
  /** A repair has begun and not caught up: what the file holds is not yet a position. */
  readonly isRepairing: boolean;
  /** See `FollowedLog`. */
  readonly isPutBack: boolean;
  readonly stale: number;
  readonly records: number;
}

export class ChannelView {
  readonly channel: Channel;
  readonly #held: HeldRecords;
  #state: ChannelState = UNPLACED;
  /** By key, while one is under way: what it has covered, and what it has deferred. */
  #repair: Repair | null = null;
  readonly #followed = new FollowedLog();
  /** The last checkpoint said that the log is populated. */
  #isPopulated = false;
  #wasComplete = false;

  constructor(channel: Channel, records: Records) {
    this.channel = channel;
    this.#held = new HeldRecords(records);
  }

  /** Position to go on from. */
  get cursor(): Cursor | null {
    return this.#state.kind === "repairing" ? null : cursorIn(this.#state);
  }

  /**
   * Position to acknowledge: 0 while a repair has not caught up, so that nobody resumes in the
   * middle of one.
   */
  get acknowledged(): { readonly revision: number; readonly chain: Uint8Array } {
    return positionIn(this.#state) ?? { revision: 0, chain: NO_CHAIN };
  }

  get trie(): HashTrie {
    return this.#held.trie;
  }

  /** What it would hold with these changes, at most; without, what it holds. */
  weightWith(changes: readonly LogChange[] = []): Weight {
    return this.#held.weightWith(changes, this.#repair !== null);
  }

  get isPopulated(): boolean {
    return this.#isPopulated;
  }

  /** Records held in a partition, stale ones included; all of them by default. */
  records(partition?: Partition): Generator<HeldRecord> {
    return this.#held.records(partition);
  }

  /** Hashes of the keys of a partition, stale ones included. */
  keys(partition: Partition): Uint8Array[] {
    return this.#held.keys(partition);
  }

  /** The record with this key, stale or not. */
  at(keyHash: Uint8Array): HeldRecord | null {
    return this.#held.at(keyHash);
  }

  health(): ChannelHealth {
    const cursor = cursorIn(this.#state);
    const verified = verifiedIn(this.#state);
    const isProven =
      this.#state.kind === "following" &&
      verified !== null &&
      verified.revision === cursor?.revision;
    return {
      cursor,
      verified,
      isInSync: isProven && this.#isPopulated && this.#held.staleCount === 0,
      wasComplete: this.#wasComplete,
      isRepairing: isRepair(this.#state),
      isPutBack: this.#followed.isPutBack,
      stale: this.#held.staleCount,
      records: this.#held.size,
    };
  }

  /** From the view's file: a record that was held when it was rewritten. */
  restore(bytes: Uint8Array, place: number): void {
    this.#held.restore(bytes, place);
  }

  /** From the view's file: where it stood when it was rewritten. */
  restorePosition(
    cursor: Cursor | null,
    verified: ChannelHealth["verified"],
    isPopulated: boolean,
  ): void {
    this.#enter(cursor === null ? UNPLACED : { kind: "following", cursor, verified });
    this.#noteFollowed();
    this.#isPopulated = isPopulated;
  }

  /** From the view's file: the view was complete before it was rewritten. */
  restoreComplete(): void {
    this.#wasComplete = true;
  }

  /** Its file was rewritten: new places of what is confirmed, in the order of the keys. */
  move(places: Float64Array): void {
    this.#held.move(places);
  }

  /** Where all that is held lies, stale or not, in the order of places. */
  places(): Float64Array {
    return this.#held.places();
  }

  /** Holds this from now on, of no log's position: the hub is asked for everything by digest. */
  replace(trie: HashTrie): void {
    this.#held.replace(trie);
    this.#followed.settle();
    this.#step({ type: "replaced" });
  }

  /** A connection begins: what a broken repair had left is asked for again. */
  onConnect(): void {
    this.#step({ type: "connected" });
  }

  applyMessage(message: Placed): ViewOutcome {
    switch (message.type) {
      case "repair-needed":
      case "unreadable":
        this.#step({ type: message.type });
        return REPAIR;
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
    this.#step({ type: "repair-plan", plan });
    this.#followed.onPlan(plan);
    this.#repair = new Repair(plan, this.#followed.furthest, this.#held.size > 0);
    // From its first blob on the view holds something of the other log, and is of no log until the
    // repair is over.
    if (this.#repair.isOfOther) this.#followed.leave();
    this.#noteFollowed();
    return { changes: this.#endRepair(), persist: true, repair: false };
  }

  #onBlob(blob: OpenedBlob<PlacedChange>): ViewOutcome {
    if (this.#step({ type: "blob", revision: blob.revision }) === "ignore") return NOTHING;
    const partition = { bits: blob.bits, prefix: blob.prefix };
    const changes: ViewChange[] = [];
    const confirmed = new Set<string>();
    for (const change of blob.changes) {
      const put = change.op === "put" ? readPut(change) : null;
      if (put === null) continue;
      confirmed.add(toId(put.keyHash));
      changes.push(...this.#change(put.keyHash, put, blob.revision));
    }
    this.#held.doubtAllBut(confirmed, partition);
    this.#repair?.cover(partition, blob.revision);
    changes.push(...this.#endRepair());
    return { changes, persist: true, repair: false };
  }

  #onTail(tail: Tail<PlacedChange>): ViewOutcome {
    const verdict = this.#step({ type: "tail", tail });
    if (verdict !== "apply") return verdict === "ask" ? REPAIR : NOTHING;
    const changes = tail.changes.flatMap((change) => {
      const put = change.op === "put" ? readPut(change) : null;
      const keyHash = change.op === "delete" ? change.keyHash : put?.keyHash;
      if (keyHash === undefined || this.#repair?.covers(keyHash, tail.revision) === true) return [];
      return this.#change(keyHash, put, tail.revision);
    });
    this.#noteFollowed();
    changes.push(...this.#endRepair());
    return { changes, persist: true, repair: false };
  }

  #onCheckpoint(checkpoint: Omit<Checkpoint, "origin">): ViewOutcome {
    const { epoch, revision, digest, populated, sweep } = checkpoint;
    const repair = this.#repair;
    if (this.#step({ type: "checkpoint", epoch, revision }) === "ignore") return NOTHING;
    const changes = repair === null ? [] : this.#settleDeferred(repair);
    // fault: digest-compared
    const isEqual = equalBytes(this.#held.trie.digest(), digest);
    const verdict = this.#step({ type: "compared", isEqual, verified: { revision, digest } });
    if (verdict === "ask") return { changes, persist: true, repair: true };
    this.#isPopulated = populated;
    this.#wasComplete ||= populated;
    // fault: sweep-unpopulated
    if (sweep) changes.push(...this.#held.sweep());
    if (sweep) this.#followed.settle();
    return { changes, persist: true, repair: false };
  }

  #step(event: ChannelEvent): Verdict {
    const { state, verdict } = nextChannelState(this.#state, event);
    this.#enter(state);
    return verdict;
  }

  #enter(state: ChannelState): void {
    this.#state = state;
    if (!isRepair(state)) this.#repair = null;
  }

  /** Remembers how far the log was followed. */
  #noteFollowed(): void {
    const cursor = cursorIn(this.#state);
    // Not before it is all of this log: what is held of another one may still be newer.
    if (cursor !== null && this.#repair?.isOfOther !== true) this.#followed.note(cursor);
  }

  /** After each message: ends a repair that has all there is. */
  #endRepair(): ViewChange[] {
    const repair = this.#repair;
    if (repair === null) return [];
    const { hasDeferred } = repair;
    const isOver = this.#step({ type: "applied", hasDeferred }) === "apply";
    return isOver ? this.#settleDeferred(repair) : [];
  }

  /** Answers what was deferred and holds, now that the view is at the log's head. */
  #settleDeferred(repair: Repair): ViewChange[] {
    this.#noteFollowed();
    return [...repair.deferred()].flatMap(({ keyHash, place }) =>
      this.#held.settle(keyHash, place),
    );
  }

  /**
   * Not yet where the log speaks of a time that this view had passed: it would go back to an older
   * state. [VIE17]
   */
  #change(keyHash: Uint8Array, put: ReadPut | null, revision: number): ViewChange[] {
    const repair = this.#repair;
    if (repair !== null) {
      const held = this.#held.compare(keyHash, put?.recordHash);
      if (held !== "same" && repair.isPast(revision, held === "other")) {
        repair.defer(keyHash, put?.place ?? null);
        return [];
      }
      repair.settle(keyHash);
    }
    if (put !== null) return this.#held.put(put, revision);
    if (repair?.isDoubtful(revision) !== true) return this.#held.delete(keyHash);
    this.#held.doubt(keyHash);
    return [];
  }
}
