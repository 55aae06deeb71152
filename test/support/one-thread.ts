/**
 * A hub's one thread in virtual time. What comes from outside (a message, a timer) waits its turn;
 * an event runs to its end before the next begins, and takes as long as what it did costs. No clock
 * is read: the same seed gives the same times on every machine.
 */

/** Microseconds. */
export type Us = number;

interface Due {
  readonly at: Us;
  readonly order: number;
  readonly run: () => void;
}

export class OneThread {
  /** Since the beginning. Inside an event: when it began, as the clock of workerd. */
  nowUs: Us = 0;
  /** What the thread has worked. */
  busyUs: Us = 0;
  longestUs: Us = 0;
  #freeUs: Us = 0;
  #spentUs: Us = 0;
  #order = 0;
  #atEnd: ((endUs: Us) => void)[] = [];
  readonly #outside = new Queue();
  readonly #ready = new Queue();

  /** Something outside of the thread, which costs it nothing. */
  after(us: Us, run: () => void): void {
    this.#outside.add({ at: this.nowUs + us, order: this.#order++, run });
  }

  /** An event of the thread, as soon as it has had all that were ready before. */
  event(readyUs: Us, run: () => void): void {
    this.#ready.add({ at: readyUs, order: this.#order++, run });
  }

  /** The event that runs did something that costs so much. */
  spend(us: Us): void {
    this.#spentUs += us;
  }

  /** When the event that runs has ended; at once outside of one. */
  atEnd(run: (endUs: Us) => void): void {
    this.#atEnd.push(run);
  }

  /** Runs what begins within this time. */
  advance(us: Us): void {
    const until = this.nowUs + us;
    for (;;) {
      const outside = this.#outside.first?.at ?? Infinity;
      const ready = this.#ready.first === undefined ? Infinity : this.#ready.first.at;
      const begins = Math.max(ready, this.#freeUs);
      if (Math.min(outside, begins) > until) break;
      if (outside <= begins) {
        this.nowUs = Math.max(this.nowUs, outside);
        this.#outside.take()?.run();
      } else this.#runEvent(begins);
    }
    this.nowUs = until;
  }

  #runEvent(begins: Us): void {
    this.nowUs = begins;
    this.#spentUs = 0;
    this.#ready.take()?.run();
    this.#freeUs = begins + this.#spentUs;
    this.busyUs += this.#spentUs;
    this.longestUs = Math.max(this.longestUs, this.#spentUs);
    for (const run of this.#atEnd.splice(0)) run(this.#freeUs);
  }
}

/** By time, those of one time in the order in which they came: a binary heap. */
class Queue {
  readonly #items: Due[] = [];

  get first(): Due | undefined {
    return this.#items[0];
  }

  add(item: Due): void {
    const items = this.#items;
    let at = items.length;
    for (; at > 0; at = (at - 1) >> 1) {
      const parent = items[(at - 1) >> 1] as Due;
      if (!isBefore(item, parent)) break;
      items[at] = parent;
    }
    items[at] = item;
  }

  take(): Due | undefined {
    const items = this.#items;
    const [first] = items;
    const last = items.pop();
    if (last === undefined || items.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      const [left, right] = [items[child], items[child + 1]];
      if (left === undefined) break;
      if (right !== undefined && isBefore(right, left)) child++;
      const least = items[child] as Due;
      if (!isBefore(least, last)) break;
      items[at] = least;
      at = child;
    }
    items[at] = last;
    return first;
  }
}

function isBefore(a: Due, b: Due): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
