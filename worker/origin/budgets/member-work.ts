/**
 * The thread's time that each member may have this process spend on its reports, repairs,
 * reconciliations and hellos, over all Origins. Every message has a price in µs of the one thread,
 * by its type and bytes, charged before it is unpacked. [LOG28]
 */
import type { Message } from "../../../shared/protocol/messages.ts";
import { BUDGETS } from "./limits.ts";
import { TokenBucket } from "./token-bucket.ts";

interface Price {
  readonly us: number;
  readonly usPerKiB: number;
  /** Of work in later events. */
  readonly laterUsPerKiB?: number;
}

const SMALL: Price = { us: 50, usPerKiB: 0 };
/** To unpack a leaf and to compare it takes 0.8 µs; a KiB has 38 of them. */
const LEAVES: Price = { us: 100, usPerKiB: 30 };

/** Measured in plain Node; an answer is part of the price of the message that asks for it. */
const PRICES: Partial<Readonly<Record<Message["type"], Price>>> = {
  // Frames have quotas of their own. [LOG19] [LOG22]
  publish: { us: 0, usPerKiB: 0 },
  report: { us: 100, usPerKiB: 4, laterUsPerKiB: 26 },
  repair: LEAVES,
  reconcile: LEAVES,
  // The term is committed, and two messages go back.
  "home-hello": { us: 600, usPerKiB: 0 },
  "watch-hello": { us: 300, usPerKiB: 0 },
  reconciled: { us: 300, usPerKiB: 0 },
};

/** Frames and acknowledgements have quotas of their own. [LOG28] */
export function hasPrice(type: Message["type"] | null): boolean {
  return type !== "publish" && type !== "reader-ack";
}

/** @param type `null`: of no known type. */
export function priceOf(
  type: Message["type"] | null,
  bytes: number,
): { readonly us: number; readonly laterUs: number } {
  const price = (type === null ? undefined : PRICES[type]) ?? SMALL;
  const { us, usPerKiB, laterUsPerKiB = 0 } = price;
  return { us: us + usPerKiB * (bytes / 1024), laterUs: laterUsPerKiB * (bytes / 1024) };
}

/** A member that has sent nothing for so long is no company. */
const COMPANY_MS = 1_000;

interface Heard {
  readonly member: string;
  readonly ms: number;
}

const NEVER: Heard = { member: "", ms: Number.NEGATIVE_INFINITY };

export class MemberWork {
  readonly #buckets = new Map<string, TokenBucket>();
  /** The member that was heard last, and the other one that was heard before it. */
  #last = NEVER;
  #other = NEVER;

  /** A message of the member, of whatever price. @param laterUs Of work in later events. */
  spend(member: string, us: number, nowMs: number, laterUs = 0): void {
    if (member !== this.#last.member) this.#other = this.#last;
    this.#last = { member, ms: nowMs };
    this.#bucketOf(member, nowMs).spend(us + laterUs, nowMs);
  }

  /** The member has broken the protocol. */
  fine(member: string, nowMs: number): void {
    this.#bucketOf(member, nowMs).spend(BUDGETS.brokenMessageUs, nowMs);
  }

  /**
   * Milliseconds until the member may ask for something again; 0: now. Alone in the process it has
   * all of it.
   */
  waitMs(member: string, nowMs: number): number {
    if (!this.hasCompany(member, nowMs)) return 0;
    return this.#buckets.get(member)?.waitMs(nowMs) ?? 0;
  }

  /** Whether another member was heard within the last second. */
  hasCompany(member: string, nowMs: number): boolean {
    const { ms } = this.#last.member === member ? this.#other : this.#last;
    // Also after a clock that went back.
    return Math.abs(nowMs - ms) < COMPANY_MS;
  }

  #bucketOf(member: string, nowMs: number): TokenBucket {
    const known = this.#buckets.get(member);
    if (known !== undefined) return known;
    const bucket = new TokenBucket(
      BUDGETS.memberUsPerSecond,
      BUDGETS.memberBurstUs,
      nowMs,
      BUDGETS.memberDebtUs,
    );
    this.#buckets.set(member, bucket);
    return bucket;
  }
}
