/**
 * Connections that each member may open, over time and at once. To open one costs the hub two
 * signatures and two calls, about half a millisecond of the one thread. [API37] [LOG71]
 *
 * Nor does one that is closed for going on over its share come back at once: the hub has read what
 * it had sent, some megabytes, to refuse it, and V8 collects everything after a few of those. So
 * bytes are counted, and a connection waits until those of the last one are paid. [LOG77]
 */
import { BUDGETS } from "./limits.ts";
import { TokenBucket } from "./token-bucket.ts";

export class MemberDials {
  readonly #buckets = new Map<string, TokenBucket>();
  /** Bytes that came of each. */
  readonly #bytes = new Map<string, TokenBucket>();
  /** Unix ms until which members may not dial. */
  readonly #pausedMs = new Map<string, number>();

  /**
   * Counts a dial where it may be.
   * @returns Milliseconds until the next may be; 0: this one may.
   */
  dial(member: string, nowMs: number): number {
    const { dialsPerSecond, dialsAtOnce } = BUDGETS;
    const bucket = this.#buckets.get(member) ?? new TokenBucket(dialsPerSecond, dialsAtOnce, nowMs);
    this.#buckets.set(member, bucket);
    const waitMs = Math.max(bucket.waitMs(nowMs), this.#pauseLeft(member, nowMs));
    if (waitMs === 0) bucket.spend(1, nowMs);
    return waitMs;
  }

  /** A member has flooded an Origin, which had to start anew: for a while it opens nothing. */
  pause(member: string, nowMs: number): void {
    this.#pausedMs.set(member, nowMs + BUDGETS.dialPauseMs);
  }

  /** Bytes of a message, of an open socket or of one that was closed. */
  took(member: string, bytes: number, nowMs: number): void {
    this.#bytesOf(member, nowMs).spend(bytes + BUDGETS.messageCountBytes, nowMs);
    if (this.#pausedMs.has(member)) this.wentOver(member, nowMs);
  }

  /** A socket of the member was closed for what it sent: the next one waits until that is paid. */
  wentOver(member: string, nowMs: number): void {
    const waitMs = this.#bytesOf(member, nowMs).waitMs(nowMs);
    if (waitMs > this.#pauseLeft(member, nowMs)) this.#pausedMs.set(member, nowMs + waitMs);
  }

  #bytesOf(member: string, nowMs: number): TokenBucket {
    const { memberBytesPerSecond, memberBytesAtOnce, memberDebtBytes } = BUDGETS;
    const known = this.#bytes.get(member);
    const bucket =
      known ?? new TokenBucket(memberBytesPerSecond, memberBytesAtOnce, nowMs, memberDebtBytes);
    if (known === undefined) this.#bytes.set(member, bucket);
    return bucket;
  }

  /** Never more than a pause, also after a clock that went back. */
  #pauseLeft(member: string, nowMs: number): number {
    const left = Math.min((this.#pausedMs.get(member) ?? 0) - nowMs, BUDGETS.dialPauseMs);
    if (left <= 0) this.#pausedMs.delete(member);
    return Math.max(0, left);
  }
}
