/**
 * Messages of a cluster to an Origin besides its frames. Every message costs the thread that all
 * share some 50 µs; relays need few: a hello, acknowledgements, a repair now and then. Counted by
 * cluster, for a socket that was closed is soon replaced by another. [LOG23]
 */
import type { Clock } from "../../../shared/lib/clock.ts";
import { BUDGETS } from "./limits.ts";
import { TokenBucket } from "./token-bucket.ts";

export const MESSAGES_RULE = `more than ${BUDGETS.messagesPerSecond} messages a second that neither publish nor acknowledge what is new`;

export class MessageQuota {
  readonly #clock: Clock;
  readonly #buckets = new Map<string, TokenBucket>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Counts a message of a cluster, if it may send one; answers whether it may. */
  tryCount(clusterUid: string): boolean {
    const now = this.#clock.now();
    const bucket = this.#bucketOf(clusterUid, now);
    if (bucket.waitMs(now) > 0) return false;
    bucket.spend(1, now);
    return true;
  }

  /** The message was one that does not count. */
  refund(clusterUid: string): void {
    const now = this.#clock.now();
    this.#bucketOf(clusterUid, now).spend(-1, now);
  }

  #bucketOf(clusterUid: string, now: number): TokenBucket {
    const known = this.#buckets.get(clusterUid);
    if (known !== undefined) return known;
    const bucket = new TokenBucket(BUDGETS.messagesPerSecond, BUDGETS.burstMessages, now);
    this.#buckets.set(clusterUid, bucket);
    return bucket;
  }
}
