/**
 * What the disk takes, shared among those who write to it. A hub of one's own has one thread and one disk for all objects: each commit waits for an fsync, and
 * while it does nobody is served. So publishers that are at work get half of what the disk can do, in equal parts, by the pace that their acknowledgements
 * name; the other half is for folding, the registry and readers that come back. [LOG21]
 *
 * On Cloudflare no fsync is given (every object has a disk of its own) and the pace is what a commit costs [LOG17].
 */

/** A publisher is at work when it was heard within this time. */
const WINDOW_MS = 1_000;
const COUNT_MS = 100;
/** Of the disk's time. */
const SHARE = 0.5;
const MAX_PACE_MS = 5_000;

export class DiskBudget {
  readonly #heardMs = new Map<string, number>();
  #countedMs = Number.NEGATIVE_INFINITY;
  #count = 0;

  /** A publisher sent something. */
  note(origin: string, nowMs: number): void {
    this.#heardMs.set(origin, nowMs);
    // One that begins has company, and is company, from its first message on.
    this.#count = Math.max(this.#count, this.#heardMs.size);
  }

  /** Shortest time between two frames of one publisher, in ms. @param fsyncMs 0 for a disk that nobody waits for. */
  paceMs(fsyncMs: number, nowMs: number): number {
    if (fsyncMs === 0) return 0;
    // Also after a clock that went back.
    if (Math.abs(nowMs - this.#countedMs) > COUNT_MS) this.#recount(nowMs);
    return Math.min(Math.ceil((Math.max(this.#count, 1) * fsyncMs) / SHARE), MAX_PACE_MS);
  }

  /** Whether more than one publisher is at work. */
  hasCompany(nowMs: number): boolean {
    if (Math.abs(nowMs - this.#countedMs) > COUNT_MS) this.#recount(nowMs);
    return this.#count > 1;
  }

  #recount(nowMs: number): void {
    this.#countedMs = nowMs;
    for (const [origin, heardMs] of this.#heardMs)
      if (Math.abs(nowMs - heardMs) > WINDOW_MS) this.#heardMs.delete(origin);
    this.#count = this.#heardMs.size;
  }
}

/** Of this process, over all its objects. */
export const diskBudget = new DiskBudget();
