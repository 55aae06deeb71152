/**
 * What a cluster may say to an Origin besides what it publishes. Every message costs the thread that all share some 50 µs, whatever it says; relays say little: a
 * hello, an acknowledgement of what they were sent, a repair now and then. Counted by cluster, for a socket that was closed is soon replaced by another. [LOG23]
 */
import type { Clock } from "../../../shared/lib/clock.ts";
import { Bucket } from "./change-quota.ts";

/** Over time: 500 relays of a cluster that all come back say a few thousand at once. */
export const MESSAGES_PER_SECOND = 1_000;
export const BURST_MESSAGES = 5_000;
/** An acknowledgement of as much was paid for by what was sent: as much as the smallest frame. */
export const ACKNOWLEDGED_BYTES = 64;

export const MESSAGES_RULE = `more than ${MESSAGES_PER_SECOND} messages a second that neither publish nor acknowledge what is new`;

export class MessageQuota {
  readonly #clock: Clock;
  readonly #buckets = new Map<string, Bucket>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Counts a message of a cluster; answers whether it may be looked at. */
  take(clusterUid: string): boolean {
    const now = this.#clock.now();
    const bucket = this.#bucketOf(clusterUid, now);
    if (bucket.waitMs(now) > 0) return false;
    bucket.take(1, now);
    return true;
  }

  /** It was one that does not count. */
  giveBack(clusterUid: string): void {
    const now = this.#clock.now();
    this.#bucketOf(clusterUid, now).take(-1, now);
  }

  #bucketOf(clusterUid: string, now: number): Bucket {
    const known = this.#buckets.get(clusterUid);
    if (known !== undefined) return known;
    const bucket = new Bucket(MESSAGES_PER_SECOND, BURST_MESSAGES, now);
    this.#buckets.set(clusterUid, bucket);
    return bucket;
  }
}
