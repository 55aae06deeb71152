/** What is under way to the readers of an Origin: each has a share of its own always, and more as it grants and as all of them together leave. [LOG9] */
import { LIMITS } from "../../shared/protocol/limits.ts";
import type { Reader } from "./reader.ts";

/** Who is sent so much says within a moment that it has come, unless it, or the way to it, takes nothing. */
const STALLED_MS = 60_000;

export class InFlight {
  readonly #now: () => number;
  #bytes = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Sent and not acknowledged, of all readers. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Nobody may be sent anything. */
  get isFull(): boolean {
    return this.#bytes >= LIMITS.inFlightCapBytes;
  }

  hasRoomFor(reader: Reader): boolean {
    if (this.isFull) return false;
    const own = ownBytes(reader);
    if (own < LIMITS.readerFloorBytes) return true;
    return own < reader.creditBytes && this.#bytes < LIMITS.inFlightBytes;
  }

  sent(reader: Reader, bytes: number): void {
    if (ownBytes(reader) === 0) reader.movedMs = this.#now();
    reader.sentBytes += bytes;
    this.#bytes += bytes;
  }

  /** @param total Bytes that have come to the reader, as it says. @returns Whether there is room now that others may wait for. */
  received(reader: Reader, total: number): boolean {
    const before = ownBytes(reader);
    reader.receivedBytes = Math.max(reader.receivedBytes, Math.min(total, reader.sentBytes));
    const released = before - ownBytes(reader);
    if (released > 0) reader.movedMs = this.#now();
    return this.#release(released);
  }

  /** Readers that are gone. @returns Whether there is room now that others may wait for. */
  forget(readers: readonly Reader[]): boolean {
    return this.#release(readers.reduce((sum, reader) => sum + ownBytes(reader), 0));
  }

  /** Whether it holds room that others could have, and takes nothing. */
  isStalled(reader: Reader): boolean {
    return ownBytes(reader) >= LIMITS.ackBytes && this.#now() - reader.movedMs >= STALLED_MS;
  }

  #release(bytes: number): boolean {
    const before = this.#bytes;
    this.#bytes -= bytes;
    return [LIMITS.inFlightCapBytes, LIMITS.inFlightBytes].some(
      (bound) => before >= bound && this.#bytes < bound,
    );
  }
}

function ownBytes({ sentBytes, receivedBytes }: Reader): number {
  return sentBytes - receivedBytes;
}
