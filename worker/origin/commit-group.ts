/**
 * Frames that are committed together. A commit waits for the disk and the process has one thread, so a publisher that sends faster than the disk takes
 * would be held to one frame a commit. The first frame after a pause is committed at once; those that come while it is busy share the next
 * commit. None is acknowledged before it is committed. [LOG16]
 */
import type { Clock } from "../../shared/lib/clock.ts";
import type { Publish } from "../../shared/protocol/messages.ts";
import type { SocketId } from "./ports.ts";

/** A frame that comes within this time after the last commit waits until the events at hand have been read. */
const BUSY_MS = 2;
/** Frames in one commit: a slice of about 10 ms, for all origins of a hub on one's own machine share one thread. Their bytes are deflated. */
const MAX_FRAMES = 64;
const MAX_BYTES = 32 * 1024;

export interface Waiting {
  readonly socket: SocketId;
  readonly message: Publish;
}

export class CommitGroup {
  readonly #clock: Clock;
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #lastMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  get bytes(): number {
    return this.#waitingBytes;
  }

  /** Answers whether to commit now; otherwise later, together with what comes until then. */
  add(waiting: Waiting): boolean {
    this.#waiting.push(waiting);
    this.#waitingBytes += waiting.message.payload.length;
    const isIdle = this.#waiting.length === 1 && this.#clock.now() - this.#lastMs > BUSY_MS;
    return isIdle || this.#waiting.length >= MAX_FRAMES || this.#waitingBytes >= MAX_BYTES;
  }

  take(): readonly Waiting[] {
    if (this.#waiting.length === 0) return [];
    const taken = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#lastMs = this.#clock.now();
    return taken;
  }
}
