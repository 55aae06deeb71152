/**
 * When the digest is announced: with the change itself where it is soon made, else as soon as changes have settled, and at most every ten seconds while they
 * go on. [LOG7] [LOG20]
 */
import type { ChannelLog } from "../log/channel-log.ts";
import type { DigestLeaves, OriginPorts } from "../ports.ts";
import { Bucket } from "../budgets/change-quota.ts";

const SETTLE_MS = 200;
const LONGEST_MS = 10_000;
/** Where commits are this far apart each of them has settled; and no timer keeps the object awake, which is billed by the second. */
const SLOW_PACE_MS = 500;
/**
 * 1.5 ms a second. A digest of its own is a message more to each reader, which costs far more; and a hub that is late commits in bunches, so a time without
 * commits is no measure: it would send most where it has least time.
 */
export const DIGEST_LEAVES: DigestLeaves = { perSecond: 100, atOnce: 16 };

export class DigestAnnouncer {
  readonly #ports: OriginPorts;
  readonly #announce: () => void;
  readonly #leaves: Bucket;
  /** Of the first commit that was not announced; `null` when all were. */
  #firstMs: number | null = null;
  #dueMs = 0;

  constructor(ports: OriginPorts, announce: () => void) {
    this.#ports = ports;
    this.#announce = announce;
    const { perSecond, atOnce } = ports.digestLeaves;
    this.#leaves = new Bucket(perSecond, atOnce, ports.clock.now());
  }

  /** Counts the digest of a log that has changed, and answers whether it may go with the commit: whether it is soon made. */
  take({ admitted }: Pick<ChannelLog, "admitted">): boolean {
    if (this.#ports.paceMs >= SLOW_PACE_MS) return true;
    const now = this.#ports.clock.now();
    if (this.#leaves.waitMs(now) > 0) return false;
    const { atOnce } = this.#ports.digestLeaves;
    const stale = admitted.staleLeaves(atOnce + 1);
    if (stale > atOnce) return false;
    this.#leaves.take(stale, now);
    return true;
  }

  /** @param isTold The digest of all that is new has gone with it; else it is announced later. */
  onCommit(isTold: boolean): void {
    if (isTold) {
      this.#firstMs = null;
      return;
    }
    const now = this.#ports.clock.now();
    this.#firstMs ??= now;
    this.#dueMs = Math.min(now + SETTLE_MS, this.#firstMs + LONGEST_MS);
    this.#ports.setTimer("checkpoint", SETTLE_MS);
  }

  onTimer(): void {
    // What was due has gone with a commit meanwhile.
    if (this.#firstMs === null) return;
    const leftMs = this.#dueMs - this.#ports.clock.now();
    // More is left than there ever was when the clock went back meanwhile.
    if (leftMs > 0 && leftMs <= SETTLE_MS) {
      this.#ports.setTimer("checkpoint", leftMs);
      return;
    }
    this.#firstMs = null;
    this.#announce();
  }
}
