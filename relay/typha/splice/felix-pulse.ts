/**
 * When to ping one Felix, and whether it is still there: keeps the moments that `judgeLiveness`
 * judges. [TYP8] [TYP10]
 */
import { judgeLiveness } from "./liveness.ts";
import type { Verdict } from "./liveness.ts";
import type { Phase } from "./session-rules.ts";

/**
 * Typha pings every 10 s; a Felix gives up after 30 s of silence. The first ping comes early, for a
 * snapshot may be slow.
 */
const PING_MS = 10_000;
const FIRST_PING_MS = 1_000;

export class FelixPulse {
  readonly startedMs = performance.now();
  #phaseSinceMs = this.startedMs;
  #lastPongMs = this.startedMs;
  #blockedSinceMs: number | null = null;
  #nextPingMs = 0;

  get ageMs(): number {
    return performance.now() - this.startedMs;
  }

  get isBlocked(): boolean {
    return this.#blockedSinceMs !== null;
  }

  greeted(): void {
    this.#lastPongMs = performance.now();
    this.#nextPingMs = this.#lastPongMs + FIRST_PING_MS;
  }

  phaseChanged(): void {
    this.#phaseSinceMs = performance.now();
  }

  ponged(): void {
    this.#lastPongMs = performance.now();
  }

  setBlocked(isBlocked: boolean): void {
    this.#blockedSinceMs = isBlocked ? (this.#blockedSinceMs ?? performance.now()) : null;
  }

  /** What is due in this phase; a ping counts as sent. */
  due(phase: Phase): Verdict {
    const now = performance.now();
    const verdict = judgeLiveness(
      phase,
      {
        lastPongMs: this.#lastPongMs,
        blockedSinceMs: this.#blockedSinceMs,
        phaseSinceMs: this.#phaseSinceMs,
      },
      now,
    );
    if (verdict.kind !== "ping") return verdict;
    if (now < this.#nextPingMs) return { kind: "quiet" };
    this.#nextPingMs = now + PING_MS;
    return verdict;
  }
}
