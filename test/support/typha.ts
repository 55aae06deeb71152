/** A Typha that replays a recorded stream, and a sync client that keeps what it is told. */
import { connect, createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";

import { GobDecoder } from "../../relay/typha/wire/gob/decoder.ts";
import {
  CLIENT_DEFINITIONS,
  encodeAck,
  encodeClientHello,
  encodePong,
} from "../../relay/typha/wire/encode.ts";
import { readMessage } from "../../relay/typha/wire/messages.ts";
import type { ClientHello, TyphaMessage } from "../../relay/typha/wire/messages.ts";
import { takeSnappy } from "./snappy.ts";

/** Of a Felix that takes no compression. */
export const PLAIN_HELLO: Omit<ClientHello, "type"> = {
  hostname: "n",
  info: "",
  version: "v3.32.1",
  syncerType: "felix",
  supportsDecoderRestart: false,
  compressionAlgorithms: [],
  supportsModernPolicyKeys: true,
  clientConnId: 1n,
};

export interface FakeTypha {
  readonly address: string;
  /** Hellos that came, in order. */
  readonly hellos: ClientHello[];
  readonly sockets: Set<Socket>;
  close(): Promise<void>;
}

/** Sends `stream` to everybody who says hello, and keeps the connection. */
export async function startFakeTypha(stream: Uint8Array): Promise<FakeTypha> {
  const hellos: ClientHello[] = [];
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    const decoder = new GobDecoder(1 << 20);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => sockets.delete(socket));
    socket.on("data", (data) => {
      let read: TyphaMessage[];
      try {
        read = decoder.feed(data).map(readMessage);
      } catch {
        socket.destroy();
        return;
      }
      for (const message of read)
        if (message.type === "MsgClientHello") {
          hellos.push(message);
          socket.write(stream);
        }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    hellos,
    sockets,
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

/** A busy machine takes several times as long as a quiet one. */
const PATIENCE_MS = 120_000;

export class SyncClient {
  readonly messages: TyphaMessage[] = [];
  /** Key → value text, as told until now. */
  readonly kvs = new Map<string, string>();
  readonly deleted: string[] = [];
  statuses: number[] = [];
  isClosed = false;
  /** Decoder restarts that were asked for: their algorithms. */
  readonly restarts: string[] = [];
  /** Set to leave restarts unacknowledged. */
  isDeaf = false;
  /** Bytes that came. */
  received = 0;
  #decoder = new GobDecoder(1 << 26);
  #framed: Buffer | null = null;
  #isAwaitingRestart = false;
  readonly #onMessage: (message: TyphaMessage) => void;
  readonly #socket: Socket;
  readonly #waiters: { readonly check: () => boolean; readonly resolve: () => void }[] = [];

  /**
   * @param to A port, or a connection that is made otherwise.
   * @param onMessage Told each message, behind what is kept of it.
   */
  constructor(
    to: number | Socket,
    hello: Partial<ClientHello> = {},
    onMessage: (message: TyphaMessage) => void = () => {},
  ) {
    this.#onMessage = onMessage;
    this.#socket = typeof to === "number" ? connect({ host: "127.0.0.1", port: to }) : to;
    this.#socket.write(CLIENT_DEFINITIONS);
    this.#socket.write(
      encodeClientHello({
        hostname: "node-a1",
        info: "test",
        version: "v3.32.1",
        syncerType: "felix",
        supportsDecoderRestart: true,
        compressionAlgorithms: ["snappy"],
        supportsModernPolicyKeys: true,
        clientConnId: 1n,
        ...hello,
      }),
    );
    this.#socket.on("data", (data) => {
      this.received += data.length;
      for (const value of this.#decoder.feed(this.#plain(data))) {
        const message = readMessage(value);
        this.#take(message);
        this.#onMessage(message);
      }
      if (this.#isAwaitingRestart) this.#restart();
      this.#wake();
    });
    this.#socket.on("error", () => this.#socket.destroy());
    this.#socket.on("close", () => {
      this.isClosed = true;
      this.#wake();
    });
  }

  get hasSync(): boolean {
    return this.statuses.at(-1) === 2;
  }

  /** Resolves when the condition holds; fails with what is missing when waiting is in vain. */
  async until(what: string, check: () => boolean, timeoutMs = PATIENCE_MS): Promise<void> {
    if (check()) return;
    let timer: NodeJS.Timeout | null = null;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`waited ${timeoutMs} ms for: ${what}`)), timeoutMs);
    });
    const met = new Promise<void>((resolve) => this.#waiters.push({ check, resolve }));
    try {
      await Promise.race([met, late]);
    } finally {
      if (timer !== null) clearTimeout(timer);
    }
  }

  /** Stops and starts reading, as a Felix that is busy does. */
  setPaused(isPaused: boolean): void {
    if (isPaused) this.#socket.pause();
    else this.#socket.resume();
  }

  write(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  close(): void {
    this.#socket.destroy();
  }

  #plain(data: Buffer): Uint8Array {
    if (this.#framed === null) return data;
    const { plain, rest } = takeSnappy(Buffer.concat([this.#framed, data]));
    this.#framed = rest;
    return plain;
  }

  /**
   * Go's client reads ahead: a byte behind the restart and before the ACK would be lost to the new
   * decoder.
   */
  #restart(): void {
    this.#isAwaitingRestart = false;
    if (this.#decoder.pendingBytes > 0 || (this.#framed?.length ?? 0) > 0)
      throw new Error("bytes between MsgDecoderRestart and MsgACK");
    this.#decoder = new GobDecoder(1 << 26);
    this.#framed = this.restarts.at(-1) === "snappy" ? Buffer.alloc(0) : null;
    if (!this.isDeaf) this.acknowledge();
  }

  acknowledge(): void {
    this.#socket.write(encodeAck());
  }

  #take(message: TyphaMessage): void {
    if (this.#isAwaitingRestart) throw new Error(`${message.type} before MsgACK`);
    this.messages.push(message);
    if (message.type === "MsgDecoderRestart") {
      this.restarts.push(message.compressionAlgorithm);
      this.#isAwaitingRestart = true;
    }
    if (message.type === "MsgPing") this.#socket.write(encodePong(message.timestamp));
    if (message.type === "MsgSyncStatus") this.statuses.push(message.status);
    if (message.type !== "MsgKVs") return;
    for (const kv of message.kvs) {
      if (kv.value === null) {
        this.kvs.delete(kv.key);
        this.deleted.push(kv.key);
      } else this.kvs.set(kv.key, Buffer.from(kv.value).toString("utf8"));
    }
  }

  #wake(): void {
    for (const waiter of this.#waiters.filter((w) => w.check())) {
      this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
      waiter.resolve();
    }
  }
}
