/**
 * A client's connection: its messages in, encoded chunks out, with what it may make us hold
 * bounded. [TYP3] [TYP10]
 */
import type { Duplex } from "node:stream";

import { GobError } from "../wire/gob/bytes.ts";
import type { GobDecoder } from "../wire/gob/decoder.ts";
import { readMessage } from "../wire/messages.ts";
import type { TyphaMessage } from "../wire/messages.ts";

export interface StreamHandlers {
  onMessage(message: TyphaMessage): void;
  /** Once: closed by the peer, or the way to it is broken. */
  onClose(reason: string): void;
  /** It sent what it must not. */
  onBroken(reason: string): void;
  /** It has taken everything. */
  onDrain(): void;
}

export class FelixStream {
  readonly #socket: Duplex;
  readonly #decoder: GobDecoder;
  #handlers: StreamHandlers | null = null;
  #isCorked = false;
  /** Written, and not given to the socket yet. */
  #next: Uint8Array | null = null;

  /**
   * @param decoder The one that has read its first bytes, because types are defined once per
   *   stream.
   */
  constructor(socket: Duplex, decoder: GobDecoder) {
    this.#socket = socket;
    this.#decoder = decoder;
  }

  start(handlers: StreamHandlers): void {
    this.#handlers = handlers;
    this.#socket.on("data", (data: Uint8Array) => this.#feed(data));
    this.#socket.on("close", () => this.#handlers?.onClose("closed by the peer"));
    this.#socket.on("drain", () => this.#handlers?.onDrain());
    this.#socket.resume();
  }

  /** From now on nothing of it is told, and what it sends is thrown away. */
  stop(): void {
    this.#handlers = null;
    this.flush();
  }

  /** Bytes written and not yet taken by the kernel. */
  get backlogBytes(): number {
    return this.#socket.writableLength + (this.#next?.length ?? 0);
  }

  /**
   * Gathers what is written in one turn into one system call, and what lies side by side in memory
   * into one piece.
   */
  write(bytes: Uint8Array): void {
    const next = this.#next;
    if (next === null) {
      if (!this.#isCorked) {
        this.#isCorked = true;
        this.#socket.cork();
        process.nextTick(() => this.flush());
      }
    } else if (next.buffer === bytes.buffer && next.byteOffset + next.length === bytes.byteOffset) {
      this.#next = new Uint8Array(next.buffer, next.byteOffset, next.length + bytes.length);
      return;
    } else this.#socket.write(next);
    this.#next = bytes;
  }

  flush(): void {
    if (!this.#isCorked) return;
    this.#isCorked = false;
    if (this.#next !== null) this.#socket.write(this.#next);
    this.#next = null;
    this.#socket.uncork();
  }

  #feed(data: Uint8Array): void {
    if (this.#handlers === null) return;
    try {
      for (const value of this.#decoder.feed(data)) {
        const message = readMessage(value);
        this.#handlers?.onMessage(message);
      }
    } catch (error) {
      if (!(error instanceof GobError)) throw error;
      this.#handlers?.onBroken(`sent bytes that break the protocol: ${error.message}`);
    }
  }
}
