/** A rate: so much a second over time, and so much at once. */
export class TokenBucket {
  readonly #perSecond: number;
  readonly #burst: number;
  readonly #debt: number;
  #left: number;
  #filledMs: number;

  /** @param debt The most that can be owed. */
  constructor(perSecond: number, burst: number, nowMs: number, debt = Infinity) {
    this.#debt = debt;
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#left = burst;
    this.#filledMs = nowMs;
  }

  /** @param count Below 0: given back. */
  spend(count: number, nowMs: number): void {
    this.#fill(nowMs);
    this.#left = Math.max(this.#left - count, -this.#debt);
  }

  /** Milliseconds until nothing is owed; 0: now. */
  waitMs(nowMs: number): number {
    this.#fill(nowMs);
    return this.#left >= 0 ? 0 : Math.ceil((-this.#left / this.#perSecond) * 1000);
  }

  /** A clock that goes back adds nothing, and removes nothing. */
  #fill(nowMs: number): void {
    const gained = (Math.max(0, nowMs - this.#filledMs) / 1000) * this.#perSecond;
    this.#left = Math.min(this.#burst, this.#left + gained);
    this.#filledMs = nowMs;
  }
}
