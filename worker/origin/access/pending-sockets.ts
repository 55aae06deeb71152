/**
 * Sockets that are not at work yet: who has said nothing, and whose hello waits, for the Mesh's answer or for the log to be ready. [PRO5] [VIS4]
 */
import { LIMITS } from "../../../shared/protocol/limits.ts";
import type { HomeHello, WatchHello } from "../../../shared/protocol/messages.ts";
import type { SocketId } from "../ports.ts";

export type Hello = WatchHello | HomeHello;

export class PendingSockets {
  /** Unix ms at which sockets opened that have said nothing yet. */
  readonly #silent = new Map<SocketId, number>();
  readonly #waiting = new Map<SocketId, Hello>();

  opened(socket: SocketId, nowMs: number): void {
    this.#silent.set(socket, nowMs);
  }

  /** How many have said nothing yet. */
  get silent(): number {
    return this.#silent.size;
  }

  spoke(socket: SocketId): void {
    this.#silent.delete(socket);
  }

  /** Who has had time enough to say hello. */
  overdue(nowMs: number): SocketId[] {
    const deadline = nowMs - LIMITS.helloMs;
    return [...this.#silent].filter(([, openedMs]) => openedMs <= deadline).map(([id]) => id);
  }

  wait(socket: SocketId, hello: Hello): void {
    this.#waiting.set(socket, hello);
  }

  isWaiting(socket: SocketId): boolean {
    return this.#waiting.has(socket);
  }

  /** Takes out the hellos that wait, or those of one kind: whoever must wait on is put back by who handles it. */
  take(type?: Hello["type"]): (readonly [SocketId, Hello])[] {
    const due = [...this.#waiting].filter(([, hello]) => type === undefined || hello.type === type);
    for (const [socket] of due) this.#waiting.delete(socket);
    return due;
  }

  forget(socket: SocketId): void {
    this.#silent.delete(socket);
    this.#waiting.delete(socket);
  }
}
