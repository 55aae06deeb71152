/** A TCP connection that speaks syncproto: messages in, encoded chunks out, with what a peer may make us hold bounded. */
import type { Socket } from "node:net";

import { GobError } from "./gob/bytes.ts";
import type { GobDecoder } from "./gob/decoder.ts";
import { readMessage } from "./messages.ts";
import type { TyphaMessage } from "./messages.ts";

export interface StreamHandlers {
  onMessage(message: TyphaMessage): void;
  /** Once: closed by either side, or broken. */
  onClose(reason: string): void;
}

export class TyphaStream {
  readonly #socket: Socket;
  readonly #decoder: GobDecoder;
  readonly #handlers: StreamHandlers;
  #isClosed = false;

  /**
   * @param decoder Of what the peer sends: the one that has read its first bytes, because types are defined once per stream.
   * @param definitions Sent first, once.
   */
  constructor(
    socket: Socket,
    decoder: GobDecoder,
    definitions: Uint8Array,
    handlers: StreamHandlers,
  ) {
    this.#socket = socket;
    this.#decoder = decoder;
    this.#handlers = handlers;
    socket.setNoDelay(true);
    socket.on("data", (data) => this.#feed(data));
    socket.on("error", (error) => this.close(error.message));
    socket.on("close", () => this.close("closed by the peer"));
    if (definitions.length > 0) socket.write(definitions);
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Bytes written and not yet taken by the kernel. */
  get backlogBytes(): number {
    return this.#socket.writableLength;
  }

  /** Answers whether the peer keeps up. */
  write(bytes: Uint8Array): boolean {
    return this.#isClosed || this.#socket.write(bytes);
  }

  onDrain(listener: () => void): void {
    this.#socket.on("drain", listener);
  }

  /** Back-pressure: stops and starts reading from the peer. */
  setPaused(isPaused: boolean): void {
    if (isPaused) this.#socket.pause();
    else this.#socket.resume();
  }

  #feed(data: Uint8Array): void {
    if (this.#isClosed) return;
    try {
      for (const value of this.#decoder.feed(data)) {
        if (this.#isClosed) return;
        this.#handlers.onMessage(readMessage(value));
      }
    } catch (error) {
      if (!(error instanceof GobError)) throw error;
      this.close(`sent bytes that break the protocol: ${error.message}`);
    }
  }

  close(reason: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#socket.destroy();
    this.#handlers.onClose(reason);
  }
}
