/**
 * A repair under way, key by key: what its blobs have covered, and what they said of keys that this
 * view had already followed further. Those wait until the tail has caught up, so that Felix is
 * never told an older state of a key, or a pod that is gone. [VIE17] How far it is:
 * `channel-state.ts`.
 */
import { toId } from "../../shared/lib/bytes.ts";
import { partitionHas } from "../../shared/log/partition.ts";
import type { Partition } from "../../shared/log/partition.ts";
import type { RepairPlan } from "../../shared/protocol/messages.ts";

/**
 * How far a view had followed a log: the furthest position that it held of it, whatever came of it.
 */
export interface Followed {
  readonly epoch: string;
  readonly revision: number;
}

/** What a view knows of the log that it follows besides its position. */
export class FollowedLog {
  #furthest: Followed | null = null;
  #isPutBack = false;

  /** `null`: what is held is of no log's position. */
  get furthest(): Followed | null {
    return this.#furthest;
  }

  /**
   * The log was put back to a time that the view had passed, and its publisher has not told yet
   * what has changed since: a record may be an older one than before. [VIE26]
   */
  get isPutBack(): boolean {
    return this.#isPutBack;
  }

  onPlan({ epoch, head }: Pick<RepairPlan, "epoch" | "head">): void {
    const isSame = this.#furthest?.epoch === epoch;
    this.#isPutBack = isSame && (this.#isPutBack || head < (this.#furthest?.revision ?? 0));
  }

  note({ epoch, revision }: Followed): void {
    if (this.#furthest?.epoch !== epoch || this.#furthest.revision < revision)
      this.#furthest = { epoch, revision };
  }

  /** Something of another log is held from here on. */
  leave(): void {
    this.#furthest = null;
  }

  /** Its present publisher has reconciled, or what is held was replaced. */
  settle(): void {
    this.#isPutBack = false;
  }
}

/** A change that the log tells of a time which the view had passed. */
interface Deferred {
  readonly keyHash: Uint8Array;
  /** Of the record; `null`: it was deleted. */
  readonly place: number | null;
}

export class Repair {
  readonly #head: number;
  /** How far the view had followed this epoch. */
  readonly #followedTo: number;
  /** The held records are of another log: they may be as new as this one's head. */
  readonly isOfOther: boolean;
  /** A log whose head is behind us was rolled back: nothing of its tail is to come. */
  readonly #isBehindUs: boolean;
  readonly #covered: { readonly partition: Partition; readonly revision: number }[] = [];
  readonly #deferred = new Map<string, Deferred>();

  /** @param holdsAny Whether the view holds anything. */
  constructor(plan: Omit<RepairPlan, "origin">, followed: Followed | null, holdsAny: boolean) {
    this.#head = plan.head;
    this.#followedTo = followed?.epoch === plan.epoch ? followed.revision : 0;
    this.isOfOther = holdsAny && followed?.epoch !== plan.epoch;
    this.#isBehindUs = plan.head < this.#followedTo;
  }

  /**
   * Whether this is of a time that the view had passed: what it says differently may be long over,
   * and is told when the tail has confirmed it.
   * @param isHeld The view has the key.
   */
  isPast(revision: number, isHeld: boolean): boolean {
    // fault: other-log-shown-late
    if (this.isOfOther) return isHeld && revision < this.#head;
    // fault: blob-shown-late
    return !this.#isBehindUs && revision < this.#followedTo;
  }

  /**
   * Whether a deletion of what is held here is no evidence that it is gone: the view had passed
   * that revision, and holds the key all the same, so the log was put back to an older state, and
   * what has come to the key since is not in it. [VIE8] Of another log nobody knows.
   */
  isDoubtful(revision: number): boolean {
    // fault: delete-is-older
    return revision <= (this.isOfOther ? this.#head : this.#followedTo);
  }

  /** @param place `null` for a delete. */
  defer(keyHash: Uint8Array, place: number | null): void {
    this.#deferred.set(toId(keyHash), { keyHash, place });
  }

  /** Drops a deferred change: the key was told anew. */
  settle(keyHash: Uint8Array): void {
    if (this.#deferred.size > 0) this.#deferred.delete(toId(keyHash));
  }

  get hasDeferred(): boolean {
    return this.#deferred.size > 0;
  }

  /** Deferred changes that nothing later has replaced. */
  deferred(): Iterable<Deferred> {
    return this.#deferred.values();
  }

  cover(partition: Partition, revision: number): void {
    this.#covered.push({ partition, revision });
  }

  /** Whether a tail change is already in what the repair brought (or confirmed) for its key. */
  covers(keyHash: Uint8Array, revision: number): boolean {
    const blob = this.#covered.find(({ partition }) => partitionHas(partition, keyHash));
    // fault: tail-is-older
    return revision <= (blob?.revision ?? this.#head);
  }
}
