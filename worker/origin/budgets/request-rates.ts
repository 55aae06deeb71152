/** Requests of the admin API that each token may make, over time and at once. [API41] */
import { TokenBucket } from "./token-bucket.ts";

const PER_SECOND = 50;
const AT_ONCE = 200;
/** Tokens that are remembered; the one that was here longest is forgotten. */
const MOST_TOKENS = 4_096;

export class RequestRates {
  readonly #buckets = new Map<string, TokenBucket>();

  /**
   * Counts a request where it may be.
   * @returns Milliseconds until the next may be; 0: this one may.
   */
  request(token: string, nowMs: number): number {
    const known = this.#buckets.get(token);
    const bucket = known ?? new TokenBucket(PER_SECOND, AT_ONCE, nowMs);
    if (known === undefined) {
      const [oldest] = this.#buckets.keys();
      if (oldest !== undefined && this.#buckets.size >= MOST_TOKENS) this.#buckets.delete(oldest);
      this.#buckets.set(token, bucket);
    }
    const waitMs = bucket.waitMs(nowMs);
    if (waitMs === 0) bucket.spend(1, nowMs);
    return waitMs;
  }
}
