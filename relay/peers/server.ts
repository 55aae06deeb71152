/**
 * Gives this relay's access facts and view files to other relays of its cluster. A file is opened
 * once and sent as long as it was then: what is appended, or rewritten under its name, meanwhile is
 * not in it, so that what arrives is a file as it once was. [PEE2] [PEE5]
 */
import { open } from "node:fs/promises";
import { createServer } from "node:net";
import type { Server, Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

import { errorText } from "../../shared/lib/error-text.ts";
import type { Logger } from "../lib/log.ts";
import { listenOn } from "../lib/listen-on.ts";
import { PeerConnection } from "./connection.ts";
import { carryFrames, pipeOver, WireFrames } from "./feed-net.ts";
import { PeerError } from "./frames.ts";
import type { PeerCertificate } from "./handshake.ts";
import { PEER_LIMITS } from "./limits.ts";
import type { PeerLimits } from "./limits.ts";
import { MAX_QUESTION_BYTES, messageFrame, partFrame, readQuestion } from "./messages.ts";
import type { Question } from "./messages.ts";
import type { Offer } from "./offer.ts";

const PART_BYTES = 256 * 1024;
/** At most one line this often: somebody may be scanning ports. */
const WARN_EVERY_MS = 10_000;
/** Less is not worth a timer. */
const SHORTEST_SLEEP_MS = 4;

export class PeerServer {
  readonly #certificate: PeerCertificate;
  readonly #offer: Offer;
  readonly #log: Logger;
  readonly #limits: PeerLimits;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Those that have not shown yet that they have the cluster's key, oldest first. */
  readonly #unproven = new Set<Socket>();
  readonly #followers = new Set<Socket>();
  readonly #frames = new WireFrames();
  #transfers = 0;
  #warnedMs = -Infinity;
  /** When what was sent until now may all have been sent. */
  #sentUntilMs = 0;

  constructor(certificate: PeerCertificate, offer: Offer, log: Logger, limits = PEER_LIMITS) {
    this.#certificate = certificate;
    this.#offer = offer;
    this.#log = log;
    this.#limits = limits;
    this.#server = createServer({ noDelay: true }, (socket) => void this.#serve(socket));
  }

  /** @param listen HOST:PORT. @returns The port. */
  async start(listen: string): Promise<number> {
    const { port } = await listenOn(this.#server, listen, (error) => this.#warn("", error));
    return port;
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of [...this.#sockets, ...this.#followers]) socket.destroy();
    await closed;
  }

  async #serve(socket: Socket): Promise<void> {
    if (!this.#makeRoom()) {
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    this.#unproven.add(socket);
    socket.once("close", () => this.#untrack(socket));
    const { idleMs, totalMs } = this.#limits;
    const from = `${socket.remoteAddress}:${socket.remotePort}`;
    // Slow drops keep a connection from being idle, not from being over.
    const untilAsked = setTimeout(() => socket.destroy(), idleMs);
    const untilOver = setTimeout(() => socket.destroy(), totalMs);
    try {
      const connection = await PeerConnection.accept(socket, this.#certificate, idleMs);
      this.#unproven.delete(socket);
      const question = readQuestion(await connection.receive(MAX_QUESTION_BYTES));
      clearTimeout(untilAsked);
      if (question.type === "follow") {
        clearTimeout(untilOver);
        await this.#feed(socket, connection, `${question.name} (${socket.remoteAddress})`);
      } else await this.#answer(connection, question, from);
      connection.end();
    } catch (error) {
      socket.destroy();
      this.#warn(from, error);
    } finally {
      clearTimeout(untilAsked);
      // An end that nobody takes is over too, in its time.
      socket.once("close", () => clearTimeout(untilOver));
      if (socket.closed) clearTimeout(untilOver);
    }
  }

  /**
   * A relay that has the key shows it within a round trip; a stranger could hold all connections
   * for as long as they may be silent, for ever. So the oldest that has not shown it makes room.
   */
  #makeRoom(): boolean {
    if (this.#sockets.size < this.#limits.connections) return true;
    const [oldest] = this.#unproven;
    if (oldest === undefined) return false;
    this.#untrack(oldest);
    oldest.destroy(
      new PeerError("it did not show the cluster's key before others needed the room"),
    );
    return true;
  }

  #untrack(socket: Socket): void {
    this.#sockets.delete(socket);
    this.#unproven.delete(socket);
  }

  /** Until one side ends. Followers stay, so they take no room of who asks. */
  async #feed(socket: Socket, connection: PeerConnection, name: string): Promise<void> {
    if (this.#followers.size >= this.#limits.followers)
      throw new PeerError("it has followers enough");
    const handlers = this.#offer.follow(name, pipeOver(connection, this.#frames));
    if (handlers === null) throw new PeerError("it feeds nobody");
    this.#sockets.delete(socket);
    this.#followers.add(socket);
    socket.once("close", () => this.#followers.delete(socket));
    await carryFrames(connection, handlers);
  }

  async #answer(
    connection: PeerConnection,
    question: Exclude<Question, { type: "follow" }>,
    from: string,
  ): Promise<void> {
    if (question.type === "positions") return connection.send(this.#positions());
    if (this.#transfers >= this.#limits.transfers) {
      this.#log.info({ peer: from }, "a relay of this cluster asks for views: told to wait");
      return connection.send(messageFrame({ type: "busy" }));
    }
    this.#transfers++;
    const startedMs = performance.now();
    try {
      const bytes = await this.#sendFiles(connection, question);
      const ms = Math.round(performance.now() - startedMs);
      const { facts, rccs } = question;
      this.#log.info({ peer: from, facts, rccs, bytes, ms }, "a relay of this cluster was given");
    } finally {
      this.#transfers--;
    }
  }

  #positions(): Buffer {
    const facts = this.#offer.facts();
    return messageFrame({
      type: "positions",
      facts: facts && { meshId: facts.meshId, accessVersion: facts.accessVersion },
      views: this.#offer
        .views()
        .map(({ rcc, originUid, isLoaded, revision }) => ({ rcc, originUid, isLoaded, revision })),
    });
  }

  /** Leaves out files that are not there. @returns Bytes sent. */
  async #sendFiles(
    connection: PeerConnection,
    question: Extract<Question, { type: "files" }>,
  ): Promise<number> {
    let sent = 0;
    const facts = question.facts ? this.#offer.facts() : null;
    if (facts !== null) {
      const bytes = Buffer.from(JSON.stringify(facts));
      await connection.send(messageFrame({ type: "file", rcc: null, bytes: bytes.length }));
      for (let at = 0; at < bytes.length; at += PART_BYTES)
        await connection.send(partFrame(bytes.subarray(at, at + PART_BYTES)));
      sent += bytes.length;
    }
    for (const rcc of question.rccs) sent += await this.#sendView(connection, rcc);
    await connection.send(messageFrame({ type: "end" }));
    return sent;
  }

  async #sendView(connection: PeerConnection, rcc: string): Promise<number> {
    const view = this.#offer.view(rcc);
    if (view === null) return 0;
    const file = await open(view.path, "r");
    try {
      const { size } = await file.stat();
      await connection.send(messageFrame({ type: "file", rcc, bytes: size }));
      const buffer = Buffer.allocUnsafe(PART_BYTES);
      for (let at = 0; at < size;) {
        // Withdrawn meanwhile: nobody is told of it any more, and half a file is none.
        if (this.#offer.view(rcc)?.originUid !== view.originUid)
          throw new Error(`the view of ${rcc} was withdrawn while it was sent`);
        const { bytesRead } = await file.read(buffer, 0, Math.min(PART_BYTES, size - at), at);
        if (bytesRead === 0) throw new Error(`${view.path} was cut while it was sent`);
        await this.#pace(bytesRead);
        await connection.send(partFrame(buffer.subarray(0, bytesRead)));
        at += bytesRead;
      }
      return size;
    } finally {
      await file.close();
    }
  }

  async #pace(bytes: number): Promise<void> {
    const now = performance.now();
    this.#sentUntilMs =
      Math.max(this.#sentUntilMs, now) + (bytes * 1000) / this.#limits.bytesPerSecond;
    if (this.#sentUntilMs - now > SHORTEST_SLEEP_MS) await sleep(this.#sentUntilMs - now);
  }

  #warn(peer: string, error: unknown): void {
    const now = performance.now();
    if (now - this.#warnedMs < WARN_EVERY_MS) return;
    this.#warnedMs = now;
    this.#log.warn(
      { peer },
      `${error instanceof PeerError ? "a connection to the port for the cluster's relays was refused" : "a relay of this cluster was not given all"}: ${errorText(error)}`,
    );
  }
}
