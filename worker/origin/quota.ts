/**
 * What one origin may take of the hub that all share: so many changes a second over time, with a burst for a first publication, and so many keys. A
 * publisher that is over its rate is not refused: its frames wait, unacknowledged, and so it sends no more. One that goes on sending all the
 * same, or has more keys, is. [LOG19]
 */
import type { Clock } from "../../shared/lib/clock.ts";

export const QUOTA = {
  /** Over time. A cluster of 10,000 pods that all restart within a minute makes about 500. */
  changesPerSecond: 10_000,
  /** At once: a first publication of a large cluster. */
  burstChanges: 600_000,
  /** Of one channel, admitted or refused. */
  keys: 600_000,
  /** Refused records that are kept with the rule that refused them. */
  quarantined: 50_000,
  /** Of frames that wait: a publisher that keeps to two under way never has as many. */
  waitingBytes: 8 * 1024 * 1024,
} as const;

export class RateQuota {
  readonly #clock: Clock;
  #left: number = QUOTA.burstChanges;
  #filledMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#filledMs = clock.now();
  }

  /** Counts what was taken in. */
  take(changes: number): void {
    this.#fill();
    this.#left -= changes;
  }

  /** Milliseconds until more may be taken in; 0: now. */
  waitMs(): number {
    this.#fill();
    return this.#left >= 0 ? 0 : Math.ceil((-this.#left / QUOTA.changesPerSecond) * 1000);
  }

  /** A clock that goes back gives nothing, and takes nothing. */
  #fill(): void {
    const now = this.#clock.now();
    const gained = (Math.max(0, now - this.#filledMs) / 1000) * QUOTA.changesPerSecond;
    this.#left = Math.min(QUOTA.burstChanges, this.#left + gained);
    this.#filledMs = now;
  }
}
