/** When the digest is announced: as soon as changes have settled, and at most every ten seconds while they go on. [LOG7] */
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

  constructor(ports: OriginPorts, announce: () => void) {
    this.#ports = ports;
    this.#announce = announce;
  }

  onCommit(): void {
    if (this.#ports.paceMs >= SLOW_PACE_MS) {
      this.#announce();
      return;
    }
    const now = this.#ports.clock.now();
    this.#firstMs ??= now;
    this.#dueMs = Math.min(now + SETTLE_MS, this.#firstMs + LONGEST_MS);
    this.#ports.setTimer("checkpoint", SETTLE_MS);
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
