/**
 * How late the hub is, by what its acknowledgements take. A hub that is behind does best with fewer
 * and fuller frames: each costs a commit and a message to every reader, whatever it holds. So its
 * publishers send as seldom as makes it a quarter of an interval late, none of them knowing of the
 * others. [LOG24]
 */

/**
 * No hub is further away: what an acknowledgement takes beyond is lateness, also where it never
 * took less.
 */
const FAR_MS = 250;
/**
 * Lateness that a garbage collection, a slow disk or a neighbour makes now and then: no reason to
 * wait.
 */
const USUAL_MS = 50;
/** Of an interval, that the hub may be late. */
const SHARE = 1 / 4;
const MAX_PACE_MS = 1_000;
/** Weight of the last acknowledgement in the mean, as in TCP's estimate of a round trip. */
const GAIN = 1 / 8;

export class Lateness {
  #leastMs = FAR_MS;
  #meanMs = 0;

  /** @param tookMs From a frame to its acknowledgement. */
  onAcknowledged(tookMs: number): void {
    this.#leastMs = Math.min(this.#leastMs, tookMs);
    this.#meanMs += (tookMs - this.#meanMs) * GAIN;
  }

  /** Shortest time between two frames, ms. */
  get paceMs(): number {
    const lateMs = Math.max(0, this.#meanMs - this.#leastMs - USUAL_MS);
    return Math.min(lateMs / SHARE, MAX_PACE_MS);
  }
}
