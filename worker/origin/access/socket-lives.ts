/**
 * How long sockets live. A credential has no end, so a socket has one: a connection of a day is
 * closed as a restart does it, its peer comes back with a token of its own and goes on, and a
 * socket that somebody stole ends. Nothing wakes an object for that: a socket is sent something,
 * and says something, in events only, and each event looks first. [CRE26]
 */
import { BUDGETS } from "../budgets/limits.ts";
import type { SocketId } from "../peer.ts";

export class SocketLives {
  readonly #endMs = new Map<SocketId, number>();
  /** The earliest end; at most as late as it is. */
  #nextMs = Infinity;

  /** @param openedMs Unix ms. */
  opened(socket: SocketId, openedMs: number): void {
    const endMs = openedMs + BUDGETS.socketLifeMs - jitterMs(socket);
    this.#endMs.set(socket, endMs);
    this.#nextMs = Math.min(this.#nextMs, endMs);
  }

  forget(socket: SocketId): void {
    this.#endMs.delete(socket);
  }

  /** Sockets whose life is over. */
  ended(nowMs: number): SocketId[] {
    if (nowMs < this.#nextMs) return [];
    this.#nextMs = Math.min(...[...this.#endMs.values()].filter((endMs) => endMs > nowMs));
    return [...this.#endMs].filter(([, endMs]) => endMs <= nowMs).map(([socket]) => socket);
  }
}

/** Sockets that opened together end at different times; each at the same after its object slept. */
function jitterMs(socket: SocketId): number {
  let hash = 0;
  for (let n = 0; n < socket.length; n++) hash = (Math.imul(hash, 31) + socket.charCodeAt(n)) >>> 0;
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return ((hash ^ (hash >>> 12)) >>> 0) % BUDGETS.socketLifeJitterMs;
}
