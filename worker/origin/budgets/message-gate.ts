/**
 * What a message must pass before it is unpacked: how many its cluster may send [LOG23], and what
 * its member may have the process do [LOG28]. Who is over its share is slowed, and closed where it
 * goes on all the same.
 */
import { messageTypeOf } from "../../../shared/protocol/codec.ts";
import type { Message } from "../../../shared/protocol/messages.ts";
import { HELD_RULE, HeldMessages } from "./held-messages.ts";
import { priceOf } from "./member-work.ts";
import { MESSAGES_RULE, MessageQuota } from "./message-quota.ts";
import type { OriginPorts, SocketId } from "../ports.ts";

type Ports = Pick<OriginPorts, "clock" | "work" | "setTimer">;

export type Passage = "now" | "later" | { readonly rule: string };

export class MessageGate {
  readonly #ports: Ports;
  readonly #quota: MessageQuota;
  readonly #held = new HeldMessages();

  constructor(ports: Ports) {
    this.#ports = ports;
    this.#quota = new MessageQuota(ports.clock);
  }

  /** A message has come. `later`: `next` has it when its turn has come. */
  comes(socket: SocketId, member: string, data: Uint8Array): Passage {
    if (!this.#quota.take(member)) return { rule: MESSAGES_RULE };
    const type = messageTypeOf(data);
    // What is published, and said of what was sent, has quotas of its own; but nothing overtakes
    // what waits.
    const isFree = type === "publish" || type === "reader-ack";
    if (!this.#held.has(socket) && (isFree || this.#waitMs(member) === 0)) {
      this.#charge(member, data);
      return "now";
    }
    if (!this.#held.add(socket, member, data)) return { rule: HELD_RULE };
    this.#ports.setTimer("held", this.#waitMs(member));
    return "later";
  }

  /** The rule that a text breaks, or `null`. */
  textComes(member: string): string | null {
    return this.#quota.take(member) ? null : MESSAGES_RULE;
  }

  /** One message whose turn has come; others have theirs before the next. */
  next(): readonly [SocketId, Uint8Array] | null {
    const next = this.#held.next((member) => this.#waitMs(member) === 0);
    if (next !== null) this.#charge(next.member, next.message);
    const waits = [...this.#held.members()].map((member) => this.#waitMs(member));
    if (waits.length > 0) this.#ports.setTimer("held", Math.min(...waits));
    return next === null ? null : [next.socket, next.message];
  }

  /**
   * A message that counts neither as one nor for what it costs: it was paid for by what was sent,
   * or has quotas of its own.
   */
  doesNotCount(member: string, type: Message["type"]): void {
    this.#quota.giveBack(member);
    this.#spend(member, -priceOf(type, 0));
  }

  /** Something broke the protocol. */
  broke(member: string): void {
    this.#ports.work.fine(member, this.#ports.clock.now());
  }

  forget(socket: SocketId): void {
    this.#held.drop(socket);
  }

  #charge(member: string, data: Uint8Array): void {
    this.#spend(member, priceOf(messageTypeOf(data), data.length));
  }

  #spend(member: string, us: number): void {
    this.#ports.work.spend(member, us, this.#ports.clock.now());
  }

  #waitMs(member: string): number {
    return this.#ports.work.waitMs(member, this.#ports.clock.now());
  }
}
