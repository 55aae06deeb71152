/**
 * What one origin may take of the hub that all share: so many changes a second over time, with a burst for a first publication, and so many keys. A
 * publisher that is over its rate is not refused: its frames wait, unacknowledged, and so it sends no more. One that goes on sending all the
 * same, or has more keys, is. [LOG19] While others are at work in the same thread, it has a share of that thread which leaves theirs as it was;
 * there folding counts too, for in a large log it is most of the work. [LOG22]
 */
import type { Clock } from "../../../shared/lib/clock.ts";

export const QUOTA = {
  /** Over time. A cluster of 10,000 pods that all restart within a minute makes about 500. */
  changesPerSecond: 10_000,
  /** At once: a first publication of a large cluster. */
  burstChanges: 600_000,
  /** While other publishers of the same process are at work: a fifth of its thread. */
  sharedChangesPerSecond: 10_000,
  /** A pod that changes now and then never waits. */
  sharedBurstChanges: 300,
  /** Of one channel, admitted or refused. */
  keys: 600_000,
  /** Refused records that are kept with the rule that refused them. */
  quarantined: 50_000,
  /** Of frames that wait: a publisher that keeps to two under way never has as many. */
  waitingBytes: 8 * 1024 * 1024,
  waitingFrames: 4_096,
} as const;

export class ChangeQuota {
  readonly #clock: Clock;
  readonly #isShared: () => boolean;
  readonly #own: Bucket;
  readonly #shared: Bucket;

  /** @param isShared Whether other publishers are at work in the same thread. */
  constructor(clock: Clock, isShared: () => boolean) {
    this.#clock = clock;
    this.#isShared = isShared;
    const now = clock.now();
    this.#own = new Bucket(QUOTA.changesPerSecond, QUOTA.burstChanges, now);
    this.#shared = new Bucket(QUOTA.sharedChangesPerSecond, QUOTA.sharedBurstChanges, now);
  }

  get isShared(): boolean {
    return this.#isShared();
  }

  /** Counts what was taken in. @param work The same in changes of ordinary size. */
  take(changes: number, work = changes): void {
    this.#own.take(changes, this.#clock.now());
    this.work(work);
  }

  /** Counts work of the hub's own for this origin, in changes that would have cost as much. */
  work(changes: number): void {
    if (this.#isShared()) this.#shared.take(changes, this.#clock.now());
  }

  /** Milliseconds until more may be taken in; 0: now. */
  waitMs(): number {
    return Math.max(this.#own.waitMs(this.#clock.now()), this.workWaitMs());
  }

  /** Milliseconds until the hub may work for this origin again; 0: now. */
  workWaitMs(): number {
    return this.#isShared() ? this.#shared.waitMs(this.#clock.now()) : 0;
  }
}

/** So much a second, and so much at once. */
export class Bucket {
  readonly #perSecond: number;
  readonly #burst: number;
  readonly #debt: number;
  #left: number;
  #filledMs: number;

  /** @param debt At most so much is owed. */
  constructor(perSecond: number, burst: number, nowMs: number, debt = Infinity) {
    this.#debt = debt;
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#left = burst;
    this.#filledMs = nowMs;
  }

  take(count: number, nowMs: number): void {
    this.#fill(nowMs);
    this.#left = Math.max(this.#left - count, -this.#debt);
  }

  waitMs(nowMs: number): number {
    this.#fill(nowMs);
    return this.#left >= 0 ? 0 : Math.ceil((-this.#left / this.#perSecond) * 1000);
  }

  /** A clock that goes back gives nothing, and takes nothing. */
  #fill(nowMs: number): void {
    const gained = (Math.max(0, nowMs - this.#filledMs) / 1000) * this.#perSecond;
    this.#left = Math.min(this.#burst, this.#left + gained);
    this.#filledMs = nowMs;
  }
}
