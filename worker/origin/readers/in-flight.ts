/** What is under way to the readers of an Origin: each has a share of its own always, and more as it grants and as all of them together leave. [LOG9] */
import { LIMITS } from "../../../shared/protocol/limits.ts";
import type { ReaderMemory } from "../budgets/reader-memory.ts";
import type { Reader } from "./reader.ts";

/** Who is sent so much says within a moment that it has come, unless it, or the way to it, takes nothing. */
const STALLED_MS = 60_000;

export class InFlight {
  readonly #room: ReaderMemory;
  readonly #now: () => number;
  #bytes = 0;

  /** @param room What the process holds, for this Origin's readers and others'. */
  constructor(room: ReaderMemory, now: () => number) {
    this.#room = room;
    this.#now = now;
  }

  /** Sent and not known to have been taken, of all readers. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether nothing may be sent to a reader until others, or it itself, have taken something. */
  isFullFor(reader: Reader): boolean {
    return this.#isFull || this.#room.isFullFor(reader.peer.clusterUid) || reader.flow.isWornOut;
  }

  get #isFull(): boolean {
    return this.#bytes >= LIMITS.inFlightCapBytes;
  }

  /** Whether proof of what was taken is wanted, also where it is little. */
  isTightFor({ peer }: Reader): boolean {
    return this.#bytes >= LIMITS.inFlightBytes / 2 || this.#room.isTightFor(peer.clusterUid);
  }

  hasRoomFor(reader: Reader): boolean {
    if (this.isFullFor(reader)) return false;
    const own = reader.flow.bytes;
    if (own < LIMITS.readerFloorBytes) return true;
    return own < reader.creditBytes && this.#bytes < LIMITS.inFlightBytes;
  }

  /** One that outlived an eviction of the object, with what it had been sent. */
  restored(reader: Reader): void {
    reader.movedMs = this.#now();
    this.#bytes += reader.flow.bytes;
  }

  sent(reader: Reader, bytes: number): void {
    if (reader.flow.bytes === 0) reader.movedMs = this.#now();
    reader.flow.sent(bytes);
    this.#bytes += bytes;
  }

  /**
   * @param released Bytes that a reader is known to have taken.
   * @returns Whether there is room now that others may wait for.
   */
  taken(reader: Reader, released: number): boolean {
    if (released > 0) reader.movedMs = this.#now();
    return this.#release(released);
  }

  /** Readers that are gone. @returns Whether there is room now that others may wait for. */
  forget(readers: readonly Reader[]): boolean {
    return this.#release(readers.reduce((sum, { flow }) => sum + flow.bytes, 0));
  }

  /**
   * Whether it keeps others, or itself, from what there is: it holds room and takes nothing, or
   * proves nothing and has been sent much. [LOG9] [LOG25]
   */
  isInTheWay({ flow, peer, movedMs }: Reader): boolean {
    if (flow.isWornOut) return true;
    const isFullForIt = this.#room.isFullFor(peer.clusterUid);
    if (isFullForIt && !flow.isProven && flow.unprovenBytes >= LIMITS.readerFloorBytes) return true;
    const isStalled = this.#now() - movedMs >= STALLED_MS && flow.bytes >= LIMITS.ackBytes;
    return isStalled && (this.#isFull || isFullForIt);
  }

  #release(bytes: number): boolean {
    const before = this.#bytes;
    this.#bytes -= bytes;
    return [LIMITS.inFlightCapBytes, LIMITS.inFlightBytes].some(
      (bound) => before >= bound && this.#bytes < bound,
    );
  }
}
