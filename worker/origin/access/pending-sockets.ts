/**
 * Sockets before their handshake is done: those that have sent no hello, and those whose hello
 * waits for the Mesh's answer or for digests to be ready. [PRO5] [VIS4]
 */
import { LIMITS } from "../../../shared/protocol/limits.ts";
import type { HomeHello, WatchHello } from "../../../shared/protocol/messages.ts";
import type { SocketId } from "../peer.ts";

export type Hello = WatchHello | HomeHello;

export class PendingSockets {
  /** Unix ms at which sockets opened that have sent nothing yet. */
  readonly #silent = new Map<SocketId, number>();
  readonly #hellos = new Map<SocketId, Hello>();

  opened(socket: SocketId, nowMs: number): void {
    this.#silent.set(socket, nowMs);
  }

  /** Sockets that have sent nothing yet. */
  get silentCount(): number {
    return this.#silent.size;
  }

  spoke(socket: SocketId): void {
    this.#silent.delete(socket);
  }

  /** Sockets whose time for a hello is over. */
  expired(nowMs: number): SocketId[] {
    const deadline = nowMs - LIMITS.helloMs;
    return [...this.#silent].filter(([, openedMs]) => openedMs <= deadline).map(([id]) => id);
  }

  keepHello(socket: SocketId, hello: Hello): void {
    this.#hellos.set(socket, hello);
  }

  hasHello(socket: SocketId): boolean {
    return this.#hellos.has(socket);
  }

  /**
   * Removes and answers the hellos that wait, or those of one type; the caller may keep one again.
   */
  popHellos(type?: Hello["type"]): (readonly [SocketId, Hello])[] {
    const due = [...this.#hellos].filter(([, hello]) => type === undefined || hello.type === type);
    for (const [socket] of due) this.#hellos.delete(socket);
    return due;
  }

  forget(socket: SocketId): void {
    this.#silent.delete(socket);
    this.#hellos.delete(socket);
  }
}
