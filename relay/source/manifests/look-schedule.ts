/**
 * When a folder is looked at: soon after a file event, not while files are being written, and every
 * few seconds in any case, because file events get lost (network file systems, full watch tables).
 * One look at a time. [SRC41]
 */

/** Longest time that file events in a row put a look off. */
const MAX_PUT_OFF_MS = 400;

export interface LookTimes {
  /** Quiet time after a file event before the folder is looked at. */
  readonly debounceMs: number;
  /** Between looks without an event. */
  readonly pollMs: number;
}

export class LookSchedule {
  readonly #times: LookTimes;
  readonly #look: () => Promise<{ readonly isToBeRepeated: boolean }>;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | null = null;
  /** Of the events since the last look began. */
  #firstEventMs: number | null = null;
  #isStopped = false;

  /** @param look Must not reject. `isToBeRepeated`: soon, as after an event. */
  constructor(times: LookTimes, look: () => Promise<{ readonly isToBeRepeated: boolean }>) {
    this.#times = times;
    this.#look = look;
  }

  start(): void {
    this.#plan(0);
  }

  /**
   * Each event puts the look off, so that a file is not read while it is being written, but not for
   * ever.
   */
  onFileEvent(): void {
    const nowMs = performance.now();
    this.#firstEventMs ??= nowMs;
    this.#plan(Math.min(this.#times.debounceMs, this.#firstEventMs + MAX_PUT_OFF_MS - nowMs));
  }

  /** Resolves when the look that runs has ended. */
  async settled(): Promise<void> {
    await this.#running;
  }

  /** No look begins afterwards; resolves when the one that runs has ended. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  /** Instead of a look that was planned before. While one runs, its end plans the next. */
  #plan(delayMs: number): void {
    if (this.#isStopped || this.#running !== null) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => (this.#running = this.#run()), Math.max(0, delayMs));
  }

  async #run(): Promise<void> {
    this.#firstEventMs = null;
    const { isToBeRepeated } = await this.#look();
    this.#running = null;
    const isSoon = isToBeRepeated || this.#firstEventMs !== null;
    this.#plan(isSoon ? this.#times.debounceMs : this.#times.pollMs);
  }
}
