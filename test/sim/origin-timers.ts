/** Timers of an Origin on virtual time; other events have their turn first, sometimes many. */
import type { TimerName } from "../../worker/origin/timers.ts";
import type { World } from "./world.ts";

/** Most events come in the middle of a fold. */
const LATE_MS = 40;
const LATE_FOLD_MS = 400;

export class OriginTimers {
  readonly #world: World;
  readonly #run: (name: TimerName) => void;
  readonly #pending = new Map<TimerName, { readonly dueMs: number; cancel(): void }>();

  constructor(world: World, run: (name: TimerName) => void) {
    this.#world = world;
    this.#run = run;
  }

  /** Besides the look at the cluster's health, which moves no data. */
  get size(): number {
    return this.#pending.size - (this.#pending.has("health") ? 1 : 0);
  }

  /** One that is pending is brought forward, never put off. */
  set(name: TimerName, delayMs: number): void {
    const { rng, now } = this.#world;
    const dueMs = now + delayMs;
    const pending = this.#pending.get(name);
    if (pending !== undefined && pending.dueMs <= dueMs) return;
    pending?.cancel();
    const isFold = name === "fold";
    // Kept histories replay the same draws: what judges health takes none.
    const isLate = name !== "health" && rng.chance(isFold ? 0.6 : 0.3);
    const lateMs = isLate ? rng.below(isFold ? LATE_FOLD_MS : LATE_MS) : 0;
    const cancel = this.#world.after(delayMs + lateMs, () => {
      this.#pending.delete(name);
      this.#run(name);
    });
    this.#pending.set(name, { dueMs, cancel });
  }

  cancelAll(): void {
    for (const pending of this.#pending.values()) pending.cancel();
  }
}
