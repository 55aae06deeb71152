/**
 * The disk's time, shared among those who write. A hub of one's own has one thread and one disk for
 * all objects: each commit waits for an fsync, and meanwhile nobody is served. So publishers that
 * are at work get half of the disk's commits, in equal parts, by the pace that their
 * acknowledgements name; the other half is for folding, the registry and readers that come back.
 * [LOG21]
 *
 * On Cloudflare no fsync is given (every object has a disk of its own) and the pace is the cost of
 * a commit [LOG17].
 */
import { BUDGETS } from "./limits.ts";

/** Between two counts of the publishers at work. */
const COUNT_MS = 100;

export class DiskBudget {
  readonly #heardMs = new Map<string, number>();
  #countedMs = Number.NEGATIVE_INFINITY;
  #count = 0;

  /** A publisher has sent something. */
  note(origin: string, nowMs: number): void {
    this.#heardMs.set(origin, nowMs);
    // One that begins has company, and is company, from its first message on.
    this.#count = Math.max(this.#count, this.#heardMs.size);
  }

  /**
   * Shortest time between two frames of one publisher, in ms.
   * @param fsyncMs 0 for a disk that nobody waits for.
   */
  paceMs(fsyncMs: number, nowMs: number): number {
    if (fsyncMs === 0) return 0;
    this.#recount(nowMs);
    const paceMs = Math.ceil((Math.max(this.#count, 1) * fsyncMs) / BUDGETS.diskShare);
    return Math.min(paceMs, BUDGETS.longestPaceMs);
  }

  /** Whether more than one publisher is at work. */
  hasCompany(nowMs: number): boolean {
    this.#recount(nowMs);
    return this.#count > 1;
  }

  #recount(nowMs: number): void {
    // Also after a clock that went back.
    if (Math.abs(nowMs - this.#countedMs) <= COUNT_MS) return;
    this.#countedMs = nowMs;
    for (const [origin, heardMs] of this.#heardMs)
      if (Math.abs(nowMs - heardMs) > BUDGETS.diskWindowMs) this.#heardMs.delete(origin);
    this.#count = this.#heardMs.size;
  }
}
