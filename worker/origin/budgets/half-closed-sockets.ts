/**
 * Sockets that this object has closed and whose other end has not gone: it reads nothing, not even that it is closed. workerd then waits for ever, with all that
 * it was to send and an open file, for a TCP connection whose peer is alive never ends by itself. There is no way to drop one socket; the instance that
 * has them can be given up, which drops them all. So a few are borne, and too many are not: the others come back and go on from what they have. [LOG9]
 */
import type { SocketId } from "../ports.ts";

/** Who reads at all has read it by then, and answered. */
const PATIENCE_MS = 60_000;
const MOST = 16;

export class HalfClosedSockets {
  readonly #closedMs = new Map<SocketId, number>();

  /** Sockets that are closed and not gone. */
  sockets(): SocketId[] {
    return [...this.#closedMs.keys()];
  }

  closed(socket: SocketId, nowMs: number): void {
    this.#closedMs.set(socket, nowMs);
  }

  gone(socket: SocketId): void {
    this.#closedMs.delete(socket);
  }

  /** Milliseconds after which it is worth asking; `null`: there are too few of them to matter. */
  askAfterMs(nowMs: number): number | null {
    if (this.#closedMs.size < MOST) return null;
    const ages = [...this.#closedMs.values()].map((at) => nowMs - at).toSorted((a, b) => b - a);
    return Math.max(0, PATIENCE_MS - (ages[MOST - 1] ?? 0));
  }

  /** Too many have been closed for too long. */
  isTooMuch(nowMs: number): boolean {
    return this.askAfterMs(nowMs) === 0;
  }
}
