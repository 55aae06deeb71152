/**
 * A Typha whose key/values, version and status a test changes, and that goes away and comes back at
 * the same address.
 */
import { createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";

import {
  encodeKvs,
  encodePing,
  encodeServerHello,
  encodeSyncStatus,
  encodeTime,
  encodeUpdate,
  SERVER_DEFINITIONS,
} from "../../relay/typha/wire/encode.ts";
import { GobDecoder } from "../../relay/typha/wire/gob/decoder.ts";
import { readMessage } from "../../relay/typha/wire/messages.ts";
import type { ClientHello } from "../../relay/typha/wire/messages.ts";

const PER_MESSAGE = 100;

export class LiveTypha {
  readonly kvs = new Map<string, string>();
  version = "v3.32.1";
  /** What a new connection is told behind the snapshot; 2 is in-sync. */
  status = 2;
  readonly hellos: ClientHello[] = [];
  /** Timestamps that pongs have brought back, in hex. */
  readonly pongs: string[] = [];
  readonly #greeted = new Set<Socket>();
  readonly #sockets = new Set<Socket>();
  #server: Server | null = null;
  #port = 0;

  static async start(kvs: Readonly<Record<string, string>> = {}): Promise<LiveTypha> {
    const typha = new LiveTypha();
    for (const [key, value] of Object.entries(kvs)) typha.kvs.set(key, value);
    await typha.up();
    return typha;
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  get connections(): number {
    return this.#greeted.size;
  }

  /** Of any kind, also those that have said nothing. */
  get dialled(): number {
    return this.#sockets.size;
  }

  /** Bytes that nobody has taken from it yet. */
  get backlogBytes(): number {
    return [...this.#greeted].reduce((sum, socket) => sum + socket.writableLength, 0);
  }

  async up(): Promise<void> {
    const server = createServer({ noDelay: true }, (socket) => this.#accept(socket));
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(this.#port, "127.0.0.1", resolve));
    this.#port = (server.address() as AddressInfo).port;
  }

  async down(): Promise<void> {
    const server = this.#server;
    if (server === null) return;
    this.#server = null;
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }

  /** Drops the connections, as Typha's rebalancing does. */
  drop(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  put(key: string, value: string): void {
    const type = this.kvs.has(key) ? 2 : 1;
    this.kvs.set(key, value);
    this.write(encodeKvs([element(key, value, type)]));
  }

  delete(key: string): void {
    this.kvs.delete(key);
    this.write(encodeKvs([element(key, null, 3)]));
  }

  /** To everybody who is connected. */
  write(bytes: Uint8Array): void {
    for (const socket of this.#greeted) socket.write(bytes);
  }

  tell(status: number): void {
    this.write(encodeSyncStatus(status));
  }

  ping(): void {
    this.write(encodePing(encodeTime(Date.now())));
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    const decoder = new GobDecoder(1 << 20);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      this.#sockets.delete(socket);
      this.#greeted.delete(socket);
    });
    socket.on("data", (data) => {
      for (const message of decoder.feed(data).map(readMessage))
        if (message.type === "MsgClientHello") this.#greet(socket, message);
        else if (message.type === "MsgPong")
          this.pongs.push(Buffer.from(message.pingTimestamp).toString("hex"));
    });
  }

  #greet(socket: Socket, hello: ClientHello): void {
    this.hellos.push(hello);
    socket.write(SERVER_DEFINITIONS);
    socket.write(
      encodeServerHello({
        version: this.version,
        syncerType: hello.syncerType,
        supportsNodeResourceUpdates: true,
        serverConnId: 7n,
      }),
    );
    const all = [...this.kvs].toSorted(([a], [b]) => (a < b ? -1 : 1));
    for (let from = 0; from < all.length; from += PER_MESSAGE)
      socket.write(
        encodeKvs(
          all.slice(from, from + PER_MESSAGE).map(([key, value]) => element(key, value, 1)),
        ),
      );
    if (this.status > 0) socket.write(encodeSyncStatus(this.status));
    this.#greeted.add(socket);
  }
}

export function element(key: string, value: string | null, updateType: number): Uint8Array {
  return encodeUpdate({
    key,
    value: value === null ? null : Buffer.from(value),
    revision: "1",
    v3ResourceVersion: "",
    ttlNs: 0,
    updateType,
  });
}
