/**
 * What this process holds for all who read, over all its Origins, by member: bytes that were sent
 * and are not known to have been taken. What a socket was sent counts until the socket has gone,
 * also after the hub has closed it and after its Origin has slept. [LOG26]
 */
import { LIMITS } from "../../../shared/protocol/limits.ts";
import { DeliveryAccount } from "./delivery-account.ts";

export class ReaderMemory {
  readonly #flows = new Map<string, DeliveryAccount>();
  readonly #members = new Map<string, number>();
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  bytesOf(member: string): number {
    return this.#members.get(member) ?? 0;
  }

  /** The socket's, also where an earlier instance of its Origin has sent it something. */
  accountOf(socket: string, member: string): DeliveryAccount {
    const known = this.#flows.get(socket);
    if (known !== undefined) return known;
    const flow = new DeliveryAccount(member, (bytes) => this.#count(member, bytes));
    this.#flows.set(socket, flow);
    return flow;
  }

  /** The socket is gone, and what was to be sent to it. */
  gone(socket: string): void {
    const flow = this.#flows.get(socket);
    if (flow === undefined) return;
    this.#flows.delete(socket);
    this.#count(flow.member, -flow.unprovenBytes);
  }

  /** Nothing more may be sent to this member's readers. */
  isFullFor(member: string): boolean {
    const own = this.bytesOf(member);
    if (own >= LIMITS.memberBytes) return true;
    return this.#bytes >= LIMITS.processBytes && own >= LIMITS.memberFloorBytes;
  }

  /** It may soon be: who was sent something is asked for proof. */
  isTightFor(member: string): boolean {
    const isHalf = this.#bytes >= LIMITS.processBytes / 2;
    return isHalf || this.bytesOf(member) >= LIMITS.memberBytes / 2;
  }

  #count(member: string, bytes: number): void {
    this.#bytes += bytes;
    const own = this.bytesOf(member) + bytes;
    if (own > 0) this.#members.set(member, own);
    else this.#members.delete(member);
  }
}

/** Of this process. */
export const readerMemory = new ReaderMemory();
