/**
 * Bytes that one socket was sent, and how many are known to have been received. A peer's word for
 * that proves nothing: a socket that reads nothing can say any number, and a socket beside it, or
 * the publisher, knows all that is sent. So marks go between the messages, each a number that
 * nobody can guess: a peer that names one has received all that was sent before it, because a
 * socket is read in order. [LOG25]
 */
import { LIMITS } from "../../../shared/protocol/limits.ts";
import { MARK_VERSION } from "../../../shared/protocol/version.ts";

interface Mark {
  readonly token: number;
  /** Bytes sent before it. */
  readonly atBytes: number;
}

export interface Acknowledged {
  readonly released: number;
  readonly said: number;
}

export class DeliveryAccount {
  readonly member: string;
  readonly #counted: (bytes: number) => void;
  readonly #marks: Mark[] = [];
  #sent = 0;
  #received = 0;
  #said = 0;
  #marked = 0;
  #isProven = false;

  /** @param counted Told how many bytes more, or fewer, the process holds for this socket. */
  constructor(member: string, counted: (bytes: number) => void) {
    this.member = member;
    this.#counted = counted;
  }

  /** Bytes that are not known to have been received. */
  get bytes(): number {
    return this.#sent - this.#received;
  }

  /**
   * Bytes without a proof that they were received: all bytes of a reader that names no marks.
   */
  get unprovenBytes(): number {
    return this.#isProven ? this.bytes : this.#sent;
  }

  /** Bytes after the last mark. */
  get unmarkedBytes(): number {
    return this.#sent - this.#marked;
  }

  /** From here on marks count, or, of a reader of an older version, its word. */
  begin(version: number): void {
    const before = this.unprovenBytes;
    this.#isProven = version >= MARK_VERSION;
    this.#counted(this.unprovenBytes - before);
  }

  sent(bytes: number): void {
    this.#sent += bytes;
    this.#counted(bytes);
  }

  mark(token: number): void {
    this.#marks.push({ token, atBytes: this.#sent });
    this.#marked = this.#sent;
  }

  /**
   * An acknowledgement.
   * @param total Bytes that have come, as the reader says.
   * @param token The last mark that it has received; `null`: none.
   * @returns Bytes that are known to have been received since the last acknowledgement, and those
   *   that the reader says it has: never more than were sent.
   */
  acknowledged(total: number, token: number | null): Acknowledged {
    const [before, saidBefore] = [this.#received, this.#said];
    this.#said = Math.max(saidBefore, Math.min(total, this.#sent));
    if (!this.#isProven) this.#received = this.#said;
    else {
      const found = this.#marks.findIndex((mark) => mark.token === token);
      const passed = this.#marks.splice(0, found + 1).at(-1);
      if (passed !== undefined) this.#received = passed.atBytes;
    }
    const released = this.#received - before;
    if (this.#isProven) this.#counted(-released);
    return { released, said: this.#said - saidBefore };
  }

  /** Whether marks count. */
  get isProven(): boolean {
    return this.#isProven;
  }

  /**
   * Whether a reader that proves nothing was sent so much that it must connect anew: the end of
   * its connection shows that it has received all.
   */
  get isWornOut(): boolean {
    return !this.#isProven && this.#sent >= LIMITS.unprovenBytes;
  }
}
