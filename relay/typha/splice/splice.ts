/**
 * The relay in Typha's place: takes connections, reads each client's hello, and connects to the
 * real Typha for it. `felix` clients are spliced with the remote view; the other syncer types are
 * copied byte for byte. [TYP4] [TYP5]
 */
import { createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";
import type { Duplex } from "node:stream";

import { closeLate, HOLD_MS, pipeBoth, readHello } from "./accept.ts";
import type { Greeted } from "./accept.ts";
import { splitHostPort } from "../../lib/host-port.ts";
import type { ReadTarget } from "../upstream/dial.ts";
import { drain } from "./drain.ts";
import { warningOf } from "./exposure.ts";
import { FelixSession } from "./felix-session.ts";
import { FelixStream } from "./felix-stream.ts";
import { KeySpace } from "./key-space.ts";
import { SYNCER_TYPES } from "../wire/messages.ts";
import { NO_POOLS } from "./pool-order.ts";
import type { PoolFeed } from "./pool-order.ts";
import type { RemoteFeed } from "./remote-feed.ts";
import { NEVER_PASSED, SETTLE_MS } from "./session-options.ts";
import type { SpliceBarrier } from "./session-options.ts";
import { SnapshotMaker } from "./shared-snapshot.ts";
import type { TlsFiles } from "../../tls/files.ts";
import { TlsFront } from "../../tls/front.ts";
import type { TyphaUpstream } from "../upstream/upstream.ts";

export interface SpliceOptions {
  /** `HOST:PORT` to listen on. */
  readonly listen: string;
  readonly upstream: TyphaUpstream;
  /** What Felix has to show, and is shown. */
  readonly listenTls?: TlsFiles | null;
  readonly feed: RemoteFeed;
  /** Other clusters' pools for Felix; none by default. */
  readonly pools?: PoolFeed;
  isViewLoaded(): boolean;
  readonly inSyncWaitMs: number;
  newBarrier?(): SpliceBarrier;
  /** Least age of a connection's in-sync while its barrier is not passed. */
  readonly settleMs?: number;
  /** Asks Typha for compressed snapshots. */
  readonly compressUpstream?: boolean;
  /** Connections served at once; more are held and closed late. Typha's own limit is 10,000. */
  readonly maxConnections?: number;
  /** Of one address, served at once. */
  readonly maxPerAddress?: number;
  /** Refused connections that are held at once. */
  readonly maxHeld?: number;
  /** How long a connection that cannot be served is held. */
  readonly holdMs?: number;
  log(level: "info" | "warn", message: string, fields: Readonly<Record<string, unknown>>): void;
}

const MAX_CONNECTIONS = 10_000;
/** A node has a handful of clients: Felix, confd, the allocator of tunnel addresses. */
const MAX_PER_ADDRESS = 100;
/** Refused connections that are held at once; with more the one that was held longest is closed. */
const MAX_HELD = 10_000;
const DIAL_RETRY_MS = 500;

export class Splice {
  readonly #options: SpliceOptions;
  readonly #server: Server;
  readonly #front: TlsFront | null;
  readonly #space: KeySpace;
  readonly #snapshots: SnapshotMaker;
  readonly #sessions = new Map<FelixSession, { readonly socket: Duplex; readonly node: string }>();
  /** Clients that are served, or will be. */
  readonly #clients = new Set<Duplex>();
  /** Of them, by address. */
  readonly #perAddress = new Map<string, number>();
  /** Refused ones, in the order in which they were. */
  readonly #held = new Set<Duplex>();
  readonly #sockets = new Set<Duplex>();
  #isStopped = false;

  constructor(options: SpliceOptions) {
    this.#options = options;
    this.#space = new KeySpace(options.feed);
    this.#snapshots = new SnapshotMaker(options.feed);
    this.#server = createServer({ noDelay: true }, (socket) => this.#accept(socket));
    this.#front = options.listenTls ? this.#tlsFront(options.listenTls) : null;
  }

  /** Felix connections. */
  get connections(): number {
    return this.#sessions.size;
  }

  /** The nodes that they are of, sorted. */
  get felixes(): readonly string[] {
    return [...new Set([...this.#sessions.values()].map(({ node }) => node))].toSorted();
  }

  /** Bytes that all connections share: local keys, the compressed remote snapshot. */
  get sharedBytes(): number {
    return this.#space.table.bytes + this.#snapshots.bytes;
  }

  /**
   * Whether a Felix that connects now gets Typha's stream: somebody does, or a connection to Typha
   * can be made.
   */
  async canServe(): Promise<boolean> {
    for (const session of this.#sessions.keys()) if (session.isServed) return true;
    const socket = await this.#dial();
    if (typeof socket === "string") return false;
    socket.destroy();
    return true;
  }

  /** What the in-sync of any Felix waits for may have come. */
  look(): void {
    for (const session of this.#sessions.keys()) if (!session.isInSync) session.look();
  }

  /** @returns The port that it listens on. */
  async start(): Promise<number> {
    const [host, port] = splitHostPort(this.#options.listen);
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(port, host, resolve);
    });
    const warning = this.#front === null ? warningOf(this.#options.listen) : null;
    if (warning !== null)
      this.#options.log("warn", warning, { listen: this.#options.listen, tls: false });
    return (this.#server.address() as AddressInfo).port;
  }

  /**
   * Takes no new connection, and ends those that there are one after the other, so that they do not
   * all go to the other relays at once. [TYP18]
   */
  async drain(withinMs: number, isHurried: AbortSignal): Promise<void> {
    this.#server.close();
    await drain(
      () => this.#clients.keys().next().value ?? null,
      (client) => this.#close(client, "the relay stops"),
      withinMs,
      isHurried,
    );
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const session of this.#sessions.keys()) session.end("the relay stops");
    for (const socket of this.#sockets) socket.destroy();
    this.#options.listenTls?.stop();
    this.#snapshots.stop();
    this.#space.stop();
    await closed;
  }

  #close(client: Duplex, reason: string): void {
    this.#clients.delete(client);
    for (const [session, { socket }] of this.#sessions) if (socket === client) session.end(reason);
    client.destroy();
  }

  #accept(socket: Socket): void {
    this.#track(socket);
    // Errors end in a close; who closed is all there is to say of a client that never said hello.
    socket.on("error", () => socket.destroy());
    const from = socket.remoteAddress;
    if (this.#clients.size >= (this.#options.maxConnections ?? MAX_CONNECTIONS)) {
      this.#refuse(socket, from, `there are ${this.#clients.size} connections already`);
      return;
    }
    const ofAddress = this.#perAddress.get(from ?? "") ?? 0;
    if (ofAddress >= (this.#options.maxPerAddress ?? MAX_PER_ADDRESS)) {
      this.#refuse(socket, from, `there are ${ofAddress} connections of this address already`);
      return;
    }
    this.#countAddress(socket, from ?? "");
    this.#admit(socket);
    if (this.#front === null) void this.#greet(socket, from);
    else this.#front.accept(socket);
  }

  #tlsFront(files: TlsFiles): TlsFront {
    return new TlsFront(files, {
      onSocket: (socket) => {
        socket.on("error", () => socket.destroy());
        this.#track(socket);
        this.#admit(socket);
        void this.#greet(socket, socket.remoteAddress);
      },
      onRefused: (socket, problem) => this.#refuse(socket, socket.remoteAddress, problem),
      onFailed: (problem) =>
        this.#options.log("warn", "a TLS handshake on Typha's port failed", { problem }),
    });
  }

  /** Until the connection is closed, or refused after all. */
  #countAddress(socket: Socket, address: string): void {
    const add = (step: 1 | -1): void => {
      const count = (this.#perAddress.get(address) ?? 0) + step;
      if (count === 0) this.#perAddress.delete(address);
      else this.#perAddress.set(address, count);
    };
    add(1);
    socket.once("close", () => add(-1));
  }

  #admit(socket: Duplex): void {
    this.#clients.add(socket);
    socket.on("close", () => this.#clients.delete(socket));
  }

  async #greet(socket: Duplex, from: string | undefined): Promise<void> {
    const greeted = await readHello(socket);
    if (greeted === null || this.#isStopped) socket.destroy();
    else if (typeof greeted === "string") this.#refuse(socket, from, greeted);
    else await this.#serve(socket, from, greeted);
  }

  #refuse(socket: Duplex, from: string | undefined, problem: string): void {
    this.#options.log("warn", "refused a connection to Typha's port", { from, problem });
    this.#tarpit(socket);
  }

  #tarpit(socket: Duplex): void {
    this.#clients.delete(socket);
    this.#held.add(socket);
    socket.on("close", () => this.#held.delete(socket));
    const [longest] = this.#held;
    if (this.#held.size > (this.#options.maxHeld ?? MAX_HELD)) longest?.destroy();
    closeLate(socket, this.#options.holdMs ?? HOLD_MS);
  }

  async #serve(socket: Duplex, from: string | undefined, greeted: Greeted): Promise<void> {
    const { hello } = greeted;
    const syncerType = hello.syncerType === "" ? "felix" : hello.syncerType;
    if (!(SYNCER_TYPES as readonly string[]).includes(syncerType))
      this.#refuse(
        socket,
        from,
        `unknown syncer type ${JSON.stringify(hello.syncerType.slice(0, 40))}`,
      );
    else if (syncerType === "felix") this.#serveFelix(socket, greeted);
    else await this.#copy(socket, greeted.said);
  }

  #serveFelix(socket: Duplex, { hello, decoder }: Greeted): void {
    const session = new FelixSession(new FelixStream(socket, decoder), hello, {
      space: this.#space,
      snapshots: this.#snapshots,
      pools: this.#options.pools ?? NO_POOLS,
      isViewLoaded: () => this.#options.isViewLoaded(),
      inSyncWaitMs: this.#options.inSyncWaitMs,
      barrier: this.#options.newBarrier?.() ?? NEVER_PASSED,
      settleMs: this.#options.settleMs ?? SETTLE_MS,
      dial: (target) => this.#dial(target),
      compressUpstream: this.#options.compressUpstream ?? false,
      log: (level, message, fields) => this.#options.log(level, message, fields),
      onEnd: (reason, by) => {
        this.#sessions.delete(session);
        this.#options.log(by === null ? "info" : "warn", "a Felix connection ended", {
          felix: hello.hostname,
          reason,
        });
        if (by === null) socket.destroy();
        else this.#tarpit(socket);
      },
    });
    this.#sessions.set(session, { socket, node: hello.hostname });
  }

  /** Tried until the client would give up. */
  async #copy(client: Duplex, said: Uint8Array): Promise<void> {
    const deadline = performance.now() + (this.#options.holdMs ?? HOLD_MS);
    while (!this.#isStopped && !client.destroyed && performance.now() < deadline) {
      const typha = await this.#dial();
      if (typeof typha !== "string") {
        typha.write(said);
        pipeBoth(client, typha);
        if (client.destroyed) typha.destroy();
        return;
      }
      this.#options.log("warn", "Typha cannot be reached", { error: typha });
      await new Promise((resolve) => setTimeout(resolve, DIAL_RETRY_MS));
    }
    client.destroy();
  }

  async #dial(target?: ReadTarget): Promise<Duplex | string> {
    const socket = await this.#options.upstream.dial(target);
    if (typeof socket !== "string") this.#track(socket);
    return socket;
  }

  #track(socket: Duplex): void {
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket));
  }
}
