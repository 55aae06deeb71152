/**
 * Bytes in flight to the readers of an Origin: each may always have a share of its own, and more as
 * it grants and as all of them together leave. [LOG9]
 */
import { LIMITS } from "../../../shared/protocol/limits.ts";
import { BUDGETS } from "../budgets/limits.ts";
import type { ReaderMemory } from "../budgets/reader-memory.ts";
import type { Reader } from "./reader.ts";

export class InFlight {
  readonly #memory: ReaderMemory;
  readonly #now: () => number;
  #bytes = 0;

  /** @param memory Memory that the process holds, for this Origin's readers and others'. */
  constructor(memory: ReaderMemory, now: () => number) {
    this.#memory = memory;
    this.#now = now;
  }

  /** Bytes sent and not known to have been received, of all readers. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Whether nothing may be sent to a reader until others, or it itself, have received something.
   */
  isFullFor(reader: Reader): boolean {
    return (
      this.#isFull || this.#memory.isFullFor(reader.peer.clusterUid) || reader.account.isWornOut
    );
  }

  get #isFull(): boolean {
    return this.#bytes >= LIMITS.inFlightCapBytes;
  }

  /** Whether proof of a delivery is wanted, also of a small one. */
  isTightFor({ peer }: Reader): boolean {
    return this.#bytes >= LIMITS.inFlightBytes / 2 || this.#memory.isTightFor(peer.clusterUid);
  }

  hasRoomFor(reader: Reader): boolean {
    if (this.isFullFor(reader)) return false;
    const own = reader.account.bytes;
    if (own < LIMITS.readerFloorBytes) return true;
    return own < reader.creditBytes && this.#bytes < LIMITS.inFlightBytes;
  }

  /** Counts a reader that outlived an eviction of the object. */
  restored(reader: Reader): void {
    reader.movedMs = this.#now();
    this.#bytes += reader.account.bytes;
  }

  sent(reader: Reader, bytes: number): void {
    if (reader.account.bytes === 0) reader.movedMs = this.#now();
    reader.account.sent(bytes);
    this.#bytes += bytes;
  }

  /**
   * @param released Bytes that a reader is known to have received.
   * @returns Whether there is room now that others may wait for.
   */
  received(reader: Reader, released: number): boolean {
    if (released > 0) reader.movedMs = this.#now();
    return this.#release(released);
  }

  /** Forgets readers that are gone. @returns Whether there is room now that others may wait for. */
  forget(readers: readonly Reader[]): boolean {
    return this.#release(readers.reduce((sum, { account }) => sum + account.bytes, 0));
  }

  /**
   * Whether a reader keeps others, or itself, from the memory that there is: it holds memory and
   * acknowledges nothing, or proves nothing and was sent much. A healthy reader acknowledges within
   * seconds; one that has not for a minute is stalled, or its network is. [LOG9] [LOG25]
   */
  isInTheWay({ account, peer, movedMs }: Reader): boolean {
    if (account.isWornOut) return true;
    const isFullForIt = this.#memory.isFullFor(peer.clusterUid);
    if (isFullForIt && !account.isProven && account.unprovenBytes >= LIMITS.readerFloorBytes)
      return true;
    const isStalled =
      this.#now() - movedMs >= BUDGETS.stalledMs && account.bytes >= LIMITS.ackBytes;
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
