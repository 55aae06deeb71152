/**
 * Admission of a message before it is unpacked: by the number that its cluster may send [LOG23],
 * and by the work that its member may have the process do [LOG28]. A member over its share is
 * slowed, and closed where it goes on all the same.
 */
import type { Clock } from "../../../shared/lib/clock.ts";
import { messageTypeOf } from "../../../shared/protocol/codec.ts";
import type { Message } from "../../../shared/protocol/messages.ts";
import type { SocketId } from "../peer.ts";
import type { SetTimer, TimerRegistry } from "../timers.ts";
import { BUDGETS } from "./limits.ts";
import { HELD_RULE, HeldMessages } from "./held-messages.ts";
import { hasPrice, priceOf } from "./member-work.ts";
import type { MemberWork } from "./member-work.ts";
import { MESSAGES_RULE, MessageQuota } from "./message-quota.ts";

interface GatePorts {
  readonly clock: Clock;
  readonly memberWork: MemberWork;
}

/** `held`: delivered when the member's turn has come. */
export type Admission =
  | { readonly kind: "now" }
  | { readonly kind: "held" }
  | { readonly kind: "refused"; readonly rule: string };

const NOW: Admission = { kind: "now" };
const HELD: Admission = { kind: "held" };

export class MessageGate {
  readonly #ports: GatePorts;
  readonly #quota: MessageQuota;
  readonly #held = new HeldMessages();
  readonly #deliver: (socket: SocketId, data: Uint8Array) => void;
  readonly #setTimer: SetTimer;

  /** @param deliver Handles a message that was held. */
  constructor(
    ports: GatePorts,
    timers: TimerRegistry,
    deliver: (socket: SocketId, data: Uint8Array) => void,
  ) {
    this.#ports = ports;
    this.#quota = new MessageQuota(ports.clock);
    this.#deliver = deliver;
    this.#setTimer = timers.own("held", () => this.#deliverNext());
  }

  admit(socket: SocketId, member: string, data: Uint8Array): Admission {
    if (!this.#quota.tryCount(member)) return { kind: "refused", rule: MESSAGES_RULE };
    const type = messageTypeOf(data);
    // But nothing overtakes a held message.
    const mayGo =
      !hasPrice(type) || (this.#waitMs(member) === 0 && !this.#mustTakeTurns(member, data));
    if (!this.#held.has(socket) && mayGo) {
      this.#charge(member, data);
      return NOW;
    }
    if (!this.#held.add(socket, member, data)) return { kind: "refused", rule: HELD_RULE };
    this.#setTimer(this.#waitMs(member));
    return HELD;
  }

  admitText(member: string): Admission {
    return this.#quota.tryCount(member) ? NOW : { kind: "refused", rule: MESSAGES_RULE };
  }

  /** One message whose turn has come; others have theirs before the next. */
  #deliverNext(): void {
    const next = this.#held.next((member) => this.#waitMs(member) === 0);
    if (next !== null) this.#charge(next.member, next.message);
    const waits = [...this.#held.members()].map((member) => this.#waitMs(member));
    const turnMs = next !== null && isLong(next.message) ? BUDGETS.turnMs : 0;
    if (waits.length > 0) this.#setTimer(Math.max(turnMs, Math.min(...waits)));
    if (next !== null) this.#deliver(next.socket, next.message);
  }

  /**
   * Gives back the count and the price of a message: it was paid for by the frame that it
   * acknowledges, or has quotas of its own.
   */
  refund(member: string, type: Message["type"]): void {
    this.#quota.refund(member);
    this.#spend(member, -priceOf(type, 0).us);
  }

  /** Charges a member that broke the protocol. */
  fine(member: string): void {
    this.#ports.memberWork.fine(member, this.#ports.clock.now());
  }

  forget(socket: SocketId): void {
    this.#held.drop(socket);
  }

  /**
   * One that costs much comes by a timer where others work: a socket that has several is read on
   * and on, and all that its member may spend at once would pass in one go. [LOG28]
   */
  #mustTakeTurns(member: string, data: Uint8Array): boolean {
    return isLong(data) && this.#ports.memberWork.hasCompany(member, this.#ports.clock.now());
  }

  #charge(member: string, data: Uint8Array): void {
    const { us, laterUs } = priceOf(messageTypeOf(data), data.length);
    this.#spend(member, us, laterUs);
  }

  #spend(member: string, us: number, laterUs = 0): void {
    this.#ports.memberWork.spend(member, us, this.#ports.clock.now(), laterUs);
  }

  #waitMs(member: string): number {
    return this.#ports.memberWork.waitMs(member, this.#ports.clock.now());
  }
}

/** Whether it takes the thread for long by its price. */
function isLong(data: Uint8Array): boolean {
  return priceOf(messageTypeOf(data), data.length).us >= BUDGETS.longMessageUs;
}
