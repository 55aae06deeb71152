/**
 * When the digest is announced: with the change itself where few leaves must be hashed for it, else
 * as soon as changes have settled, and at most every ten seconds while they go on. [LOG7] [LOG20]
 */
import type { ChannelLog } from "../log/channel-log.ts";
import { BUDGETS } from "../budgets/limits.ts";
import type { DigestLeaves, OriginPorts } from "../ports.ts";
import type { SetTimer, TimerRegistry } from "../timers.ts";
import { TokenBucket } from "../budgets/token-bucket.ts";

const SETTLE_MS = 200;
const LONGEST_MS = 10_000;
/**
 * Where commits are this far apart each of them has settled; and no timer keeps the object awake,
 * which is billed by the second.
 */
const SLOW_PACE_MS = 500;

export const DIGEST_LEAVES: DigestLeaves = {
  perSecond: BUDGETS.digestLeavesPerSecond,
  atOnce: BUDGETS.digestLeavesAtOnce,
};

type Ports = Pick<OriginPorts, "clock" | "paceMs" | "digestLeaves">;

export class DigestAnnouncer {
  readonly #ports: Ports;
  readonly #announce: () => void;
  readonly #leaves: TokenBucket;
  readonly #setTimer: SetTimer;
  /** Time of the first commit that was not announced; `null` when all were. */
  #firstMs: number | null = null;
  #dueMs = 0;

  constructor(ports: Ports, timers: TimerRegistry, announce: () => void) {
    this.#ports = ports;
    this.#announce = announce;
    const { perSecond, atOnce } = ports.digestLeaves;
    this.#leaves = new TokenBucket(perSecond, atOnce, ports.clock.now());
    this.#setTimer = timers.own("checkpoint", () => this.#announceDue());
  }

  /**
   * Whether the digest of a log that has changed may go with the commit, and counts it. A digest of
   * its own is a message more to each reader, which costs far more than 1.5 ms a second; and a hub
   * that is late commits in bunches, so a time without commits is no measure: it would send most
   * where it has least time.
   */
  countDigest({ admitted }: Pick<ChannelLog, "admitted">): boolean {
    if (this.#ports.paceMs() >= SLOW_PACE_MS) return true;
    const now = this.#ports.clock.now();
    if (this.#leaves.waitMs(now) > 0) return false;
    const { atOnce } = this.#ports.digestLeaves;
    const stale = admitted.staleLeaves(atOnce + 1);
    if (stale > atOnce) return false;
    this.#leaves.spend(stale, now);
    return true;
  }

  /** @param isSent The digests of all logs have gone with it; else they are announced later. */
  onCommit(isSent: boolean): void {
    if (isSent) {
      this.#firstMs = null;
      return;
    }
    const now = this.#ports.clock.now();
    this.#firstMs ??= now;
    this.#dueMs = Math.min(now + SETTLE_MS, this.#firstMs + LONGEST_MS);
    this.#setTimer(SETTLE_MS);
  }

  #announceDue(): void {
    // The digest that was due has gone with a commit meanwhile.
    if (this.#firstMs === null) return;
    const leftMs = this.#dueMs - this.#ports.clock.now();
    // More is left than there ever was when the clock went back meanwhile.
    if (leftMs > 0 && leftMs <= SETTLE_MS) {
      this.#setTimer(leftMs);
      return;
    }
    this.#firstMs = null;
    this.#announce();
  }
}
