/**
 * Frames that are committed together. A commit waits for the disk and the process has one thread,
 * so a publisher that sends faster than the disk writes would be held to one frame a commit. The
 * first frame after a pause is committed at once; later ones share the next commits, by a timer,
 * while it is busy. None is acknowledged before it is committed. [LOG16]
 */
import type { Clock } from "../../../shared/lib/clock.ts";
import type { LogChange } from "../../../shared/log/payload.ts";
import type { Publish } from "../../../shared/protocol/messages.ts";
import { BUDGETS } from "../budgets/limits.ts";
import type { SocketId } from "../peer.ts";

/** A frame within this time after the last commit waits until the events at hand were read. */
const BUSY_MS = 2;
/**
 * Estimated time of a change, or a KiB of records: an event cannot measure its own duration, for
 * its clock stands still.
 */
const MS_PER_WORK = 1 / 50;
/**
 * Smaller frames are committed as one: to encode them again costs less than a row, and a message
 * to each reader, for every one.
 */
const SMALL_FRAME_BYTES = 1_024;
const RUN_BYTES = 16 * 1024;

export interface WaitingFrame {
  readonly socket: SocketId;
  readonly message: Publish;
  /**
   * The rest of a large frame whose beginning was committed, and the count of its refused changes.
   */
  readonly rest?: { readonly changes: readonly LogChange[]; readonly refused: number };
}

export class CommitGroup {
  readonly #clock: Clock;
  #waiting: WaitingFrame[] = [];
  #waitingBytes = 0;
  #lastMs = Number.NEGATIVE_INFINITY;
  #busyUntilMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  get frames(): number {
    return this.#waiting.length;
  }

  get bytes(): number {
    return this.#waitingBytes;
  }

  /** Milliseconds since the last commit. */
  sinceLastMs(): number {
    return this.#clock.now() - this.#lastMs;
  }

  /**
   * Answers whether to commit now; else later, by a timer, together with frames that come until
   * then. Never now while it is busy, however many wait: a socket that always has more is read on
   * and on before the runtime looks at any other, and would stop everybody. A timer comes when it
   * has looked. [LOG22]
   */
  add(waiting: WaitingFrame): boolean {
    this.#waiting.push(waiting);
    this.#waitingBytes += waiting.message.payload.length;
    const now = this.#clock.now();
    // Also after a clock that went back.
    return this.#waiting.length === 1 && (now > this.#busyUntilMs || now < this.#lastMs);
  }

  /** Counts the last commit's work, in changes of ordinary size. */
  countWork(work: number): void {
    this.#busyUntilMs = this.#lastMs + BUSY_MS + work * MS_PER_WORK;
  }

  /** Removes and answers one commit's worth, in order. */
  pop(maxBytes: number): readonly WaitingFrame[] {
    let [count, bytes] = [0, 0];
    for (const { message } of this.#waiting) {
      const size = message.payload.length;
      if (count === BUDGETS.commitFrames || (count > 0 && bytes + size > maxBytes)) break;
      count++;
      bytes += size;
    }
    this.#waitingBytes -= bytes;
    this.#lastMs = this.#clock.now();
    return this.#waiting.splice(0, count);
  }

  /** Puts back frames that a commit had no room for: they are next. */
  putBack(waiting: readonly WaitingFrame[]): void {
    this.#waiting.unshift(...waiting);
    for (const { message } of waiting) this.#waitingBytes += message.payload.length;
  }

  /**
   * Forgets the frames of a publisher that is gone: they are not acknowledged, so it sends them
   * again.
   */
  drop(socket: SocketId): void {
    this.#waiting = this.#waiting.filter((waiting) => waiting.socket !== socket);
    this.#waitingBytes = this.#waiting.reduce(
      (sum, { message }) => sum + message.payload.length,
      0,
    );
  }
}

/** Runs of small frames of one channel that follow each other; a larger one is a run of its own. */
export function runsOf(frames: readonly WaitingFrame[]): WaitingFrame[][] {
  const runs: WaitingFrame[][] = [];
  let bytes = 0;
  for (const frame of frames) {
    const run = runs.at(-1);
    const { channel, payload } = frame.message;
    bytes += payload.length;
    const isSmall = frame.rest === undefined && payload.length <= SMALL_FRAME_BYTES;
    const fits = bytes <= RUN_BYTES && isSmall && run?.[0]?.rest === undefined;
    if (run !== undefined && fits && run[0]?.message.channel === channel) run.push(frame);
    else {
      runs.push([frame]);
      bytes = payload.length;
    }
  }
  return runs;
}
