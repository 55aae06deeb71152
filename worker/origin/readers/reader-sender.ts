/**
 * Sends bytes to readers within their credit and the process's memory, and asks for proof that they
 * were received. [LOG9] [LOG25]
 */
import type { Clock, Random } from "../../../shared/lib/clock.ts";
import { encodeMessage } from "../../../shared/protocol/codec.ts";
import { LIMITS } from "../../../shared/protocol/limits.ts";
import type { Message } from "../../../shared/protocol/messages.ts";
import { MARK_VERSION } from "../../../shared/protocol/version.ts";
import type { ReaderMemory } from "../budgets/reader-memory.ts";
import type { SocketPort } from "../ports.ts";
import { InFlight } from "./in-flight.ts";
import { writeReaderNote } from "./reader-note.ts";
import type { Reader } from "./reader.ts";

export interface SenderPorts {
  readonly sockets: SocketPort;
  readonly clock: Clock;
  readonly random: Random;
  readonly readerMemory: ReaderMemory;
}

export class ReaderSender {
  readonly inFlight: InFlight;
  readonly #ports: SenderPorts;
  readonly #needRoom: () => void;

  /**
   * @param needRoom Has stalled readers looked for: somebody could be sent more, were there room.
   */
  constructor(ports: SenderPorts, needRoom: () => void) {
    this.#ports = ports;
    this.#needRoom = needRoom;
    this.inFlight = new InFlight(ports.readerMemory, () => ports.clock.now());
  }

  /** Whether a reader may be sent more; where memory is full, has stalled readers looked for. */
  askForRoom(reader: Reader): boolean {
    if (this.inFlight.isFullFor(reader)) this.#needRoom();
    return this.inFlight.hasRoomFor(reader);
  }

  send(reader: Reader, message: Message): void {
    this.sendBytes(reader, encodeMessage(message));
  }

  sendBytes(reader: Reader, bytes: Uint8Array): void {
    this.inFlight.sent(reader, bytes.length);
    this.#ports.sockets.send(reader.socket, bytes);
    if (reader.account.unmarkedBytes >= LIMITS.ackBytes) this.mark(reader);
  }

  /**
   * Sends a mark: a reader that names it has received all messages before it. It costs the
   * reader's share nothing, or with it nobody would ever be done. [LOG25]
   */
  mark({ socket, version, account }: Reader): void {
    if (version < MARK_VERSION || account.unmarkedBytes === 0) return;
    const token = tokenOf(this.#ports.random);
    account.mark(token);
    this.#ports.sockets.send(socket, encodeMessage({ type: "mark", token }));
  }

  saveNote(reader: Reader): void {
    this.#ports.sockets.saveNote(reader.socket, writeReaderNote(reader));
  }
}

/** 52 bits, of two numbers of 26. */
function tokenOf(random: Random): number {
  const half = 2 ** 26;
  return Math.floor(random() * half) * half + Math.floor(random() * half);
}
