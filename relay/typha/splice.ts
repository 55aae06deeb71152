/**
 * The relay in Typha's place: takes connections, reads each client's hello, and connects to the real Typha for it. `felix` clients are spliced with
 * the remote view; the other syncer types are copied byte for byte. A connection is held while Typha cannot be reached and closed late: a
 * server that accepts and closes is dialled thousands of times a second (typha-contract 4). [TYP4] [TYP5]
 */
import { connect, createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";

import { GobDecoder } from "./gob/decoder.ts";
import { FelixSession } from "./felix-session.ts";
import { readMessage, SYNCER_TYPES } from "./messages.ts";
import type { ClientHello } from "./messages.ts";
import type { RemoteFeed } from "./remote-feed.ts";

export interface SpliceOptions {
  /** `HOST:PORT` to listen on, and of Typha. */
  readonly listen: string;
  readonly upstream: string;
  readonly feed: RemoteFeed;
  isViewLoaded(): boolean;
  readonly inSyncWaitMs: number;
  log(level: "info" | "warn", message: string, fields: Readonly<Record<string, unknown>>): void;
}

/** Time for the hello, as Typha gives. */
const HELLO_MS = 10_000;
/** How long a refused or unserved connection is held: below the 30 s after which a client gives up by itself. */
const HOLD_MS = 25_000;
const DIAL_RETRY_MS = 500;
/** Longest message of a client: a hello, then pongs. Typha ≥ 3.33 has the same limit. */
const MAX_CLIENT_BYTES = 1024 * 1024;
const MAX_CONNECTIONS = 10_000;

export class Splice {
  readonly #options: SpliceOptions;
  readonly #server: Server;
  readonly #sessions = new Set<FelixSession>();
  readonly #sockets = new Set<Socket>();
  #isStopped = false;

  constructor(options: SpliceOptions) {
    this.#options = options;
    this.#server = createServer((socket) => this.#accept(socket));
    this.#server.maxConnections = MAX_CONNECTIONS;
  }

  get connections(): number {
    return this.#sessions.size;
  }

  /** Whether a Felix that connects now gets Typha's stream: somebody does, or a connection to Typha can be made. */
  async canServe(): Promise<boolean> {
    if (this.#sessions.size > 0) return true;
    const [host, port] = splitHostPort(this.#options.upstream);
    const socket = await dialOnce(host, port);
    if (typeof socket === "string") return false;
    socket.destroy();
    return true;
  }

  /** @returns The port that it listens on. */
  async start(): Promise<number> {
    const [host, port] = splitHostPort(this.#options.listen);
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(port, host, resolve);
    });
    return (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const session of this.#sessions) session.end("the relay stops");
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #accept(socket: Socket): void {
    this.#track(socket);
    const decoder = new GobDecoder(MAX_CLIENT_BYTES);
    const read: Buffer[] = [];
    const timer = setTimeout(() => socket.destroy(), HELLO_MS);
    socket.on("close", () => clearTimeout(timer));
    // Errors end in a close; who closed is all there is to say of a client that never said hello.
    socket.on("error", () => socket.destroy());
    const onData = (data: Buffer): void => {
      read.push(data);
      let hello: ClientHello | null = null;
      let problem: string | null = null;
      try {
        const message = decoder.feed(data).map(readMessage)[0];
        if (message?.type === "MsgClientHello") hello = message;
        else if (message !== undefined) problem = `first message is ${message.type}`;
      } catch (error) {
        problem = (error as Error).message;
      }
      if (hello === null && problem === null) return;
      socket.off("data", onData);
      socket.pause();
      clearTimeout(timer);
      if (hello === null) this.#refuse(socket, problem ?? "");
      else void this.#serve(socket, decoder, hello, Buffer.concat(read));
    };
    socket.on("data", onData);
  }

  #refuse(socket: Socket, problem: string): void {
    this.#options.log("warn", "refused a connection to Typha's port", {
      from: socket.remoteAddress,
      problem,
    });
    this.#closeLate(socket);
  }

  #closeLate(socket: Socket): void {
    const timer = setTimeout(() => socket.destroy(), HOLD_MS);
    socket.on("close", () => clearTimeout(timer));
    socket.resume();
  }

  async #serve(
    socket: Socket,
    decoder: GobDecoder,
    hello: ClientHello,
    said: Buffer,
  ): Promise<void> {
    const syncerType = hello.syncerType === "" ? "felix" : hello.syncerType;
    if (!(SYNCER_TYPES as readonly string[]).includes(syncerType)) {
      this.#refuse(socket, `unknown syncer type ${JSON.stringify(hello.syncerType.slice(0, 40))}`);
      return;
    }
    const upstream = await this.#dial(socket);
    if (upstream === null) return;
    this.#track(upstream);
    if (syncerType !== "felix") {
      upstream.write(said);
      pipeBoth(socket, upstream);
      return;
    }
    const session = new FelixSession(socket, decoder, hello, upstream, {
      feed: this.#options.feed,
      isViewLoaded: () => this.#options.isViewLoaded(),
      inSyncWaitMs: this.#options.inSyncWaitMs,
      log: (message, fields) => this.#options.log("info", message, fields),
      onEnd: (reason) => {
        this.#sessions.delete(session);
        this.#options.log("info", "a Felix connection ended", { felix: hello.hostname, reason });
      },
    });
    this.#sessions.add(session);
    socket.resume();
  }

  /** A connection to Typha, tried until the client would give up; `null` when it is no use any more. */
  async #dial(client: Socket): Promise<Socket | null> {
    const [host, port] = splitHostPort(this.#options.upstream);
    const deadline = performance.now() + HOLD_MS;
    while (!this.#isStopped && !client.destroyed && performance.now() < deadline) {
      const socket = await dialOnce(host, port);
      if (typeof socket !== "string") {
        if (!client.destroyed) return socket;
        socket.destroy();
        return null;
      }
      this.#options.log("warn", "Typha cannot be reached", {
        upstream: this.#options.upstream,
        error: socket,
      });
      await new Promise((resolve) => setTimeout(resolve, DIAL_RETRY_MS));
    }
    client.destroy();
    return null;
  }

  #track(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket));
  }
}

function dialOnce(host: string, port: number): Promise<Socket | string> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, noDelay: true });
    socket.setTimeout(10_000, () => socket.destroy(new Error("timed out")));
    socket.once("connect", () => {
      socket.setTimeout(0);
      socket.removeAllListeners("error");
      resolve(socket);
    });
    socket.once("error", (error) => resolve(error.message));
  });
}

function pipeBoth(a: Socket, b: Socket): void {
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    from.pipe(to);
    from.on("error", () => to.destroy());
    from.on("close", () => to.destroy());
  }
  a.resume();
}

export function splitHostPort(text: string): [host: string, port: number] {
  const at = text.lastIndexOf(":");
  return [text.slice(0, at).replace(/^\[|\]$/g, ""), Number(text.slice(at + 1))];
}
