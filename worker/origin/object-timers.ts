/** The pending timers of an Origin's object, by name; see `OriginPorts.setTimer`. */
import type { TimerName } from "./timers.ts";

interface Pending {
  readonly dueMs: number;
  readonly timer: ReturnType<typeof setTimeout>;
}

export class ObjectTimers {
  readonly #pending = new Map<TimerName, Pending>();
  readonly #run: (name: TimerName) => void;

  constructor(run: (name: TimerName) => void) {
    this.#run = run;
  }

  set(name: TimerName, delayMs: number): void {
    const dueMs = Date.now() + delayMs;
    const pending = this.#pending.get(name);
    if (pending !== undefined && pending.dueMs <= dueMs) return;
    if (pending !== undefined) clearTimeout(pending.timer);
    const timer = setTimeout(() => {
      this.#pending.delete(name);
      this.#run(name);
    }, delayMs);
    this.#pending.set(name, { dueMs, timer });
  }
}
