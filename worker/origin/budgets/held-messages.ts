/**
 * Messages of members that are over their share of the thread, undecoded: they wait their turn, in
 * the order of each socket, and are bounded. [LOG28]
 */
import type { SocketId } from "../peer.ts";
import { BUDGETS } from "./limits.ts";

export const HELD_RULE = `more than ${BUDGETS.heldMessages} messages or ${BUDGETS.heldBytes} bytes wait for the share of the hub's thread that a member has`;

export interface Held {
  readonly socket: SocketId;
  readonly member: string;
  readonly message: Uint8Array;
}

interface Queue {
  readonly member: string;
  readonly messages: Uint8Array[];
}

export class HeldMessages {
  readonly #queues = new Map<SocketId, Queue>();
  readonly #bytes = new Map<string, number>();

  has(socket: SocketId): boolean {
    return this.#queues.has(socket);
  }

  /** Answers whether there was room for it. */
  add(socket: SocketId, member: string, message: Uint8Array): boolean {
    const queue = this.#queues.get(socket) ?? { member, messages: [] };
    const bytes = (this.#bytes.get(member) ?? 0) + message.length;
    if (queue.messages.length >= BUDGETS.heldMessages || bytes > BUDGETS.heldBytes) return false;
    queue.messages.push(message);
    this.#queues.set(socket, queue);
    this.#bytes.set(member, bytes);
    return true;
  }

  /**
   * Removes and answers the next message of the socket that has waited longest for its turn, of a
   * member that may speak.
   */
  next(maySpeak: (member: string) => boolean): Held | null {
    for (const [socket, { member, messages }] of this.#queues) {
      if (!maySpeak(member)) continue;
      const message = messages.shift();
      const queue = this.#queues.get(socket);
      // Behind the others.
      this.#queues.delete(socket);
      if (queue !== undefined && messages.length > 0) this.#queues.set(socket, queue);
      if (message === undefined) continue;
      this.#release(member, message.length);
      return { socket, member, message };
    }
    return null;
  }

  drop(socket: SocketId): void {
    const queue = this.#queues.get(socket);
    if (queue === undefined) return;
    this.#queues.delete(socket);
    this.#release(
      queue.member,
      queue.messages.reduce((sum, { length }) => sum + length, 0),
    );
  }

  members(): ReadonlySet<string> {
    return new Set([...this.#queues.values()].map(({ member }) => member));
  }

  #release(member: string, bytes: number): void {
    const left = (this.#bytes.get(member) ?? 0) - bytes;
    if (left > 0) this.#bytes.set(member, left);
    else this.#bytes.delete(member);
  }
}
