/**
 * Frames that are committed together. A commit waits for the disk and the process has one thread, so a publisher that sends faster than the disk takes
 * would be held to one frame a commit. The first frame after a pause is committed at once; those that come while it is busy share the next
 * commits, by a timer. None is acknowledged before it is committed. [LOG16]
 */
import type { Clock } from "../../../shared/lib/clock.ts";
import type { LogChange } from "../../../shared/log/payload.ts";
import type { Publish } from "../../../shared/protocol/messages.ts";
import type { SocketId } from "../ports.ts";

/** A frame that comes within this time after the last commit waits until the events at hand have been read. */
const BUSY_MS = 2;
/** An event does not see how long it takes, for its clock stands still: about so much for each change, or KiB of records. */
const MS_PER_WORK = 1 / 50;
const MAX_FRAMES = 64;
/** Smaller frames are taken in as one: to encode them again costs less than a row, and a message to each reader, for every one. */
const SMALL_FRAME_BYTES = 1_024;
const RUN_BYTES = 16 * 1024;

export interface Waiting {
  readonly socket: SocketId;
  readonly message: Publish;
  /** What is left of a large frame of which a part has been committed, and what was refused of that. */
  readonly rest?: { readonly changes: readonly LogChange[]; readonly refused: number };
}

export class CommitGroup {
  readonly #clock: Clock;
  #waiting: Waiting[] = [];
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

  /** Since the last commit, in ms. */
  sinceLastMs(): number {
    return this.#clock.now() - this.#lastMs;
  }

  /**
   * Answers whether to commit now; otherwise later, by a timer, together with what comes until then. Never now while it is busy, however much waits: a socket
   * that always has more is read on and on before the runtime looks at any other, and would stop everybody. A timer comes when it has looked. [LOG22]
   */
  add(waiting: Waiting): boolean {
    this.#waiting.push(waiting);
    this.#waitingBytes += waiting.message.payload.length;
    const now = this.#clock.now();
    // Also after a clock that went back.
    return this.#waiting.length === 1 && (now > this.#busyUntilMs || now < this.#lastMs);
  }

  /** What the last commit took in. @param work In changes of ordinary size. */
  took(work: number): void {
    this.#busyUntilMs = this.#lastMs + BUSY_MS + work * MS_PER_WORK;
  }

  /** One commit's worth, in order; what is left waits on. */
  take(maxBytes: number): readonly Waiting[] {
    let [count, bytes] = [0, 0];
    for (const { message } of this.#waiting) {
      const size = message.payload.length;
      if (count === MAX_FRAMES || (count > 0 && bytes + size > maxBytes)) break;
      count++;
      bytes += size;
    }
    this.#waitingBytes -= bytes;
    this.#lastMs = this.#clock.now();
    return this.#waiting.splice(0, count);
  }

  /** What a slice had no room for: it is next. */
  putBack(waiting: readonly Waiting[]): void {
    this.#waiting.unshift(...waiting);
    for (const { message } of waiting) this.#waitingBytes += message.payload.length;
  }

  /** A publisher that is gone, or not listened to any more, is acknowledged nothing: it sends again what counts. */
  drop(socket: SocketId): void {
    this.#waiting = this.#waiting.filter((waiting) => waiting.socket !== socket);
    this.#waitingBytes = this.#waiting.reduce(
      (sum, { message }) => sum + message.payload.length,
      0,
    );
  }
}

/** Small frames of one channel that follow each other; larger ones are a run of their own. */
export function runsOf(frames: readonly Waiting[]): Waiting[][] {
  const runs: Waiting[][] = [];
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
