/**
 * Changes that one origin may publish over time and at once. A publisher over its rate is not
 * refused: its frames wait, unacknowledged, and so it sends no more. [LOG19] While others are at
 * work in the same thread, it has a share of that thread which leaves theirs as it was; there
 * folding counts too, for in a large log it is most of the work. [LOG22]
 */
import type { Clock } from "../../../shared/lib/clock.ts";
import { BUDGETS } from "./limits.ts";
import { TokenBucket } from "./token-bucket.ts";

export class ChangeQuota {
  readonly #clock: Clock;
  readonly #isShared: () => boolean;
  readonly #own: TokenBucket;
  readonly #shared: TokenBucket;

  /** @param isShared Whether other publishers are at work in the same thread. */
  constructor(clock: Clock, isShared: () => boolean) {
    this.#clock = clock;
    this.#isShared = isShared;
    const now = clock.now();
    const { changesPerSecond, burstChanges, sharedChangesPerSecond, sharedBurstChanges } = BUDGETS;
    this.#own = new TokenBucket(changesPerSecond, burstChanges, now);
    this.#shared = new TokenBucket(sharedChangesPerSecond, sharedBurstChanges, now);
  }

  get isShared(): boolean {
    return this.#isShared();
  }

  /** Counts changes that were committed. @param work The same in changes of ordinary size. */
  countChanges(changes: number, work = changes): void {
    this.#own.spend(changes, this.#clock.now());
    this.countWork(work);
  }

  /** Counts the hub's own work for this origin, in changes that would have cost as much. */
  countWork(changes: number): void {
    if (this.#isShared()) this.#shared.spend(changes, this.#clock.now());
  }

  /** Milliseconds until more changes may be committed; 0: now. */
  waitMs(): number {
    return Math.max(this.#own.waitMs(this.#clock.now()), this.workWaitMs());
  }

  /** Milliseconds until the hub may work for this origin again; 0: now. */
  workWaitMs(): number {
    return this.#isShared() ? this.#shared.waitMs(this.#clock.now()) : 0;
  }
}
