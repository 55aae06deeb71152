/**
 * Virtual time: events run one after another in the order of their time, and nothing else happens.
 */
import { Rng } from "./random.ts";

interface Event {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
  isCancelled: boolean;
}

/** Microtasks are let run after each event while calls between objects are under way. */
const drained = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export class World {
  /** Begun anew with each action, so that leaving one out leaves the others as they were. */
  rng: Rng;
  /** In every other run hubs have no time for digests in their frames. */
  readonly isBusy: boolean;
  #now = 0;
  #order = 0;
  #events: Event[] = [];
  /** An event has settled a promise: what waits for it goes on before the next event. */
  hasSettled = false;

  constructor(seed: number) {
    this.rng = new Rng(seed);
    this.isBusy = seed % 2 === 1;
  }

  /** Milliseconds since the beginning. */
  get now(): number {
    return this.#now;
  }

  after(ms: number, run: () => void): () => void {
    const event = {
      at: this.#now + Math.max(0, ms),
      order: this.#order++,
      run,
      isCancelled: false,
    };
    let index = this.#events.length;
    while (index > 0 && (this.#events[index - 1] as Event).at > event.at) index--;
    this.#events.splice(index, 0, event);
    return () => {
      event.isCancelled = true;
    };
  }

  /** Runs what falls due within this time. */
  async advance(ms: number): Promise<void> {
    const until = this.#now + ms;
    for (;;) {
      const next = this.#events[0];
      if (next === undefined || next.at > until) break;
      this.#events.shift();
      if (next.isCancelled) continue;
      this.#now = next.at;
      next.run();
      if (!this.hasSettled) continue;
      this.hasSettled = false;
      await drained();
    }
    this.#now = until;
    await drained();
  }
}
