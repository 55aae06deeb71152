/**
 * Memory that this process holds for readers, over all its Origins, by member: bytes that were sent
 * and are not known to have been received. Bytes of a socket count until the socket has gone, also
 * after the hub has closed it and after its Origin has slept. [LOG26] [LOG65]
 */
import { LIMITS } from "../../../shared/protocol/limits.ts";
import { DeliveryAccount } from "./delivery-account.ts";

export class ReaderMemory {
  readonly #accounts = new Map<string, DeliveryAccount>();
  readonly #members = new Map<string, number>();
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  bytesOf(member: string): number {
    return this.#members.get(member) ?? 0;
  }

  /** The socket's account, kept from an earlier instance of its Origin. */
  accountOf(socket: string, member: string): DeliveryAccount {
    const known = this.#accounts.get(socket);
    if (known !== undefined) return known;
    const account = new DeliveryAccount(member, (bytes) => this.#count(member, bytes));
    this.#accounts.set(socket, account);
    return account;
  }

  /** The socket is gone, and all bytes that were to be sent to it. */
  release(socket: string): void {
    const account = this.#accounts.get(socket);
    if (account === undefined) return;
    this.#accounts.delete(socket);
    this.#count(account.member, -account.unprovenBytes);
  }

  /** Nothing more may be sent to this member's readers. */
  isFullFor(member: string): boolean {
    const own = this.bytesOf(member);
    if (own >= LIMITS.memberBytes) return true;
    return this.#bytes >= LIMITS.processBytes && own >= LIMITS.memberFloorBytes;
  }

  /** It may soon be: readers are asked for proof of what they have received. */
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
