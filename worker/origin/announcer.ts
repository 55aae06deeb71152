/**
 * When the digest is announced: with the change itself where changes are rare, else as soon as they have settled, and at most every ten seconds
 * while they go on. [LOG7] [LOG20]
 */
import type { OriginPorts } from "./ports.ts";

const SETTLE_MS = 200;
const LONGEST_MS = 10_000;
/** Where commits are this far apart each of them has settled; and no timer keeps the object awake, which is billed by the second. */
const SLOW_PACE_MS = 500;

export class Announcer {
  readonly #ports: OriginPorts;
  readonly #announce: () => void;
  /** Of the first commit that was not announced; `null` when all were. */
  #firstMs: number | null = null;
  #dueMs = 0;
  #lastMs = Number.NEGATIVE_INFINITY;

  constructor(ports: OriginPorts, announce: () => void) {
    this.#ports = ports;
    this.#announce = announce;
  }

  /** Answers whether the digest goes with the commit: each of them settles. Else it is announced later. */
  onCommit(): boolean {
    const now = this.#ports.clock.now();
    // The clock may go back.
    const isRare = Math.abs(now - this.#lastMs) >= SETTLE_MS && this.#firstMs === null;
    this.#lastMs = now;
    if (isRare || this.#ports.paceMs >= SLOW_PACE_MS) return true;
    this.#firstMs ??= now;
    this.#dueMs = Math.min(now + SETTLE_MS, this.#firstMs + LONGEST_MS);
    this.#ports.setTimer("checkpoint", SETTLE_MS);
    return false;
  }

  onTimer(): void {
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
