/**
 * Timers of an Origin. Each has a name, and one owner, which registers its handler and sets it.
 * The names are what a test fires and what the simulation delays.
 */
import { must } from "../../shared/lib/assert.ts";

export type TimerName =
  | "checkpoint"
  | "fold"
  | "rejudge"
  | "pull"
  | "serve"
  | "commit"
  | "room"
  | "publisher"
  | "project"
  | "note"
  | "order"
  | "held"
  | "claim"
  | "health"
  | "report"
  | "wipe";

/** Calls the owner after the delay; one that is pending is brought forward, never put off. */
export type SetTimer = (delayMs: number) => void;

/** The registry as owners see it. */
export interface TimerRegistry {
  /** @throws Error for a name that has an owner already. */
  own(name: TimerName, run: () => void): SetTimer;
}

export class Timers implements TimerRegistry {
  readonly #set: (name: TimerName, delayMs: number) => void;
  readonly #owners = new Map<TimerName, () => void>();

  /** @param set Has `run(name)` called after the delay, by the owner of the clock. */
  constructor(set: (name: TimerName, delayMs: number) => void) {
    this.#set = set;
  }

  own(name: TimerName, run: () => void): SetTimer {
    if (this.#owners.has(name)) throw new Error(`BUG: two owners of the timer ${name}`);
    this.#owners.set(name, run);
    return (delayMs) => this.#set(name, delayMs);
  }

  run(name: TimerName): void {
    must(this.#owners.get(name), `no owner of the timer ${name}`)();
  }
}
