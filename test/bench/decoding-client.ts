/**
 * A sync client that decodes all that it is told and keeps the newest value of each key, and does
 * nothing else: a Felix parses and computes, too.
 */
import { connect } from "node:net";
import type { Socket } from "node:net";

import {
  CLIENT_DEFINITIONS,
  encodeClientHello,
  encodePong,
} from "../../relay/typha/wire/encode.ts";
import { GobDecoder } from "../../relay/typha/wire/gob/decoder.ts";
import { readMessage, SYNC_STATUS } from "../../relay/typha/wire/messages.ts";
import type { TyphaMessage } from "../../relay/typha/wire/messages.ts";
import { PLAIN_HELLO } from "../support/typha.ts";

const MAX_MESSAGE_BYTES = 1 << 26;

export class DecodingClient {
  readonly #socket: Socket;
  readonly #kvs = new Map<string, Uint8Array>();
  readonly #onSync: () => void;

  constructor(port: number, onSync: () => void) {
    this.#onSync = onSync;
    const decoder = new GobDecoder(MAX_MESSAGE_BYTES);
    this.#socket = connect({ host: "127.0.0.1", port, noDelay: true });
    this.#socket.write(CLIENT_DEFINITIONS);
    this.#socket.write(encodeClientHello(PLAIN_HELLO));
    this.#socket.on("data", (data) => {
      for (const value of decoder.feed(data)) this.#take(readMessage(value));
    });
    this.#socket.on("error", () => this.#socket.destroy());
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(message: TyphaMessage): void {
    if (message.type === "MsgPing") this.#socket.write(encodePong(message.timestamp));
    if (message.type === "MsgSyncStatus" && message.status === SYNC_STATUS.inSync) this.#onSync();
    if (message.type !== "MsgKVs") return;
    for (const { key, value } of message.kvs)
      if (value === null) this.#kvs.delete(key);
      else this.#kvs.set(key, value);
  }
}
