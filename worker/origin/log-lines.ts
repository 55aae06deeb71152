/**
 * Log lines of one Origin. What a member does, again and again, is not to fill the disk of the
 * hub: warnings have a quota, and the next one says how many were left out. [LOG72]
 */
import type { Clock } from "../../shared/lib/clock.ts";
import { BUDGETS } from "./budgets/limits.ts";
import { TokenBucket } from "./budgets/token-bucket.ts";

type Fields = Readonly<Record<string, unknown>>;

export class LogLines {
  readonly #clock: Clock;
  readonly #write: (line: Fields) => void;
  readonly #quota: TokenBucket;
  #leftOut = 0;

  constructor(clock: Clock, write: (line: Fields) => void) {
    this.#clock = clock;
    this.#write = write;
    const { warningsPerSecond, warningsAtOnce } = BUDGETS;
    this.#quota = new TokenBucket(warningsPerSecond, warningsAtOnce - 1, clock.now());
  }

  /** An error is always written: this instance ends with it. */
  add(level: string, message: string, fields: Fields): void {
    if (level !== "error" && !this.#mayWrite()) this.#leftOut++;
    else {
      const leftOut = this.#leftOut === 0 ? {} : { leftOut: this.#leftOut };
      this.#leftOut = 0;
      this.#write({ level, message, ...fields, ...leftOut });
    }
  }

  #mayWrite(): boolean {
    const nowMs = this.#clock.now();
    if (this.#quota.waitMs(nowMs) > 0) return false;
    this.#quota.spend(1, nowMs);
    return true;
  }
}
