/**
 * Sockets that this object has closed and whose other end has not gone: it reads nothing, not even
 * the close frame. workerd then waits for ever, with an open file and all messages that it was to
 * send, for a TCP connection whose peer is alive never ends by itself. There is no way to drop one
 * socket; the instance that has them can be given up, which drops them all. So a few are borne, and
 * too many are not: the others connect again and resume. Nor is one that goes on sending, whose
 * messages the runtime reads and delivers one by one. [LOG9] [LOG48] [LOG71]
 */
import type { SocketId } from "../peer.ts";
import { BUDGETS } from "./limits.ts";

export class HalfClosedSockets {
  readonly #closedMs = new Map<SocketId, number>();
  /** Messages of such a socket, which goes on as if nothing was. */
  readonly #messages = new Map<SocketId, number>();

  /** Sockets that are closed and not gone. */
  sockets(): SocketId[] {
    return [...this.#closedMs.keys()];
  }

  closed(socket: SocketId, nowMs: number): void {
    this.#closedMs.set(socket, nowMs);
  }

  /** Whether a message is the one too many of a socket that is closed. [LOG71] */
  isFlood(socket: SocketId): boolean {
    if (!this.#closedMs.has(socket)) return false;
    const messages = (this.#messages.get(socket) ?? 0) + 1;
    this.#messages.set(socket, messages);
    return messages > BUDGETS.closedMessages;
  }

  gone(socket: SocketId): void {
    this.#messages.delete(socket);
    this.#closedMs.delete(socket);
  }

  /** Milliseconds after which to ask `isTooMuch`; `null`: there are too few to matter. */
  askAfterMs(nowMs: number): number | null {
    if (this.#closedMs.size < BUDGETS.halfClosedSockets) return null;
    const ages = [...this.#closedMs.values()].map((at) => nowMs - at).toSorted((a, b) => b - a);
    return Math.max(0, BUDGETS.halfClosedMs - (ages[BUDGETS.halfClosedSockets - 1] ?? 0));
  }

  /** Too many have been closed for too long. */
  isTooMuch(nowMs: number): boolean {
    return this.askAfterMs(nowMs) === 0;
  }
}
