/**
 * Which name is written next, and when: the first change at once, then what comes within half a
 * second together; one write a turn, so that a large Service does not keep the others waiting; at
 * most 20 writes a second after a burst of 30. Pure but for its own state. [SVC25]
 */

const COALESCE_MS = 500;
/** After a look that found nothing to write, so that changes of no effect cost little. */
const LOOK_MS = 100;
const WRITES_PER_SECOND = 20;
const BURST = 30;

export type NextTurn =
  | { readonly kind: "turn"; readonly key: string }
  | { readonly kind: "wait"; readonly ms: number }
  | { readonly kind: "idle" };

export class WriteQueue {
  /** Key → when it is due; in the order of turns. */
  readonly #due = new Map<string, number>();
  /** Key → before this it is not due: what comes until then is taken together. */
  readonly #untilMs = new Map<string, number>();
  #tokens = BURST;
  #tokensMs = 0;

  get isEmpty(): boolean {
    return this.#due.size === 0;
  }

  /** Something of the key may have changed. */
  add(key: string, nowMs: number): void {
    if (this.#due.has(key)) return;
    this.#due.set(key, Math.max(nowMs, this.#untilMs.get(key) ?? nowMs));
  }

  /**
   * The key that has its turn now, taken out.
   * @param isFree Whether it may have one.
   */
  next(nowMs: number, isFree: (key: string) => boolean = () => true): NextTurn {
    this.#refill(nowMs);
    let soonest = Number.POSITIVE_INFINITY;
    for (const [key, dueMs] of this.#due) {
      if (!isFree(key)) continue;
      soonest = Math.min(soonest, dueMs);
      if (dueMs > nowMs) continue;
      if (this.#tokens < 1)
        return { kind: "wait", ms: Math.ceil(((1 - this.#tokens) * 1000) / WRITES_PER_SECOND) };
      this.#due.delete(key);
      return { kind: "turn", key };
    }
    const isIdle = soonest === Number.POSITIVE_INFINITY;
    return isIdle ? { kind: "idle" } : { kind: "wait", ms: soonest - nowMs };
  }

  /** A request is sent in this turn: the first, or the first after half a second. */
  spend(key: string, nowMs: number): void {
    this.#tokens--;
    this.#waitUntil(key, nowMs, COALESCE_MS);
  }

  /** More of the same is to be written: behind those that are due. */
  again(key: string, nowMs: number): void {
    this.#due.delete(key);
    this.#due.set(key, nowMs);
  }

  /** All of it is written, by this pass or before it. */
  done(key: string, nowMs: number): void {
    this.#waitUntil(key, nowMs, LOOK_MS);
  }

  /** The key could not be written. */
  retry(key: string, atMs: number): void {
    this.#due.delete(key);
    this.#due.set(key, atMs);
  }

  /** It is no Service of ours any more. */
  forget(key: string): void {
    this.#untilMs.delete(key);
  }

  clear(): void {
    this.#due.clear();
  }

  #waitUntil(key: string, nowMs: number, ms: number): void {
    if ((this.#untilMs.get(key) ?? nowMs) <= nowMs) this.#untilMs.set(key, nowMs + ms);
  }

  #refill(nowMs: number): void {
    const gained = ((nowMs - this.#tokensMs) * WRITES_PER_SECOND) / 1000;
    this.#tokens = Math.min(BURST, this.#tokens + Math.max(0, gained));
    this.#tokensMs = nowMs;
  }
}
