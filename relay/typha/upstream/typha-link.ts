/**
 * The way to Typha for one Felix connection: dials until it is there, says hello, answers pings,
 * and dials again when it is gone, with jitter, because all connections lose a Typha in one moment.
 * [TYP11]
 */
import type { Duplex } from "node:stream";

import { backoffMs } from "../../../shared/lib/backoff.ts";
import { CLIENT_DEFINITIONS, encodeAck, encodeClientHello, encodePong } from "../wire/encode.ts";
import type { ReadTarget } from "./dial.ts";
import { GobError } from "../wire/gob/bytes.ts";
import type { Chunk } from "../wire/gob/chunks.ts";
import type { ClientHello } from "../wire/messages.ts";
import { ReadBuffer } from "../wire/read-buffer.ts";
import { Unframer } from "../wire/snappy/frame.ts";
import { TyphaReader } from "../wire/typha-reader.ts";
import type { FromTypha } from "../wire/typha-reader.ts";

/** What a session hears: one hello a connection, first. */
export type FromLink = Extract<FromTypha, { type: "raw" | "MsgServerHello" | "MsgSyncStatus" }>;

export interface TyphaLinkOptions {
  /** A connected socket, or why there is none. It reads into the target, or else emits `data`. */
  dial(target: ReadTarget | undefined): Promise<Duplex | string>;
  readonly hello: Omit<ClientHello, "type">;
  /**
   * Asks Typha for its compressed snapshot: pays where the network to it is slower than about 400
   * Mbit/s.
   */
  readonly compress: boolean;
  onMessage(message: FromLink): void;
  /** What came together has all been told. */
  onPieceEnd(): void;
  /** Whether bytes of it are still needed, asked behind it; who does not say needs none. */
  readonly keepsBytes?: () => boolean;
  onLost(reason: string): void;
}

/** Messages of Typha: 100 key/values, 1,000 in its compressed snapshot. */
const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;
const REDIAL = { baseMs: 200, capMs: 5_000 };
/** Typha pings every 10 s. */
const SILENCE_MS = 30_000;

export class TyphaLink {
  readonly #options: TyphaLinkOptions;
  #socket: Duplex | null = null;
  #reader = new TyphaReader(MAX_MESSAGE_BYTES);
  #buffer = new ReadBuffer(MAX_MESSAGE_BYTES);
  #unframer: Unframer | null = null;
  #isPaused = false;
  #isStopped = false;
  #attempt = 0;
  #timer: NodeJS.Timeout | null = null;
  #lastHeardMs = 0;
  #isGreeted = false;

  constructor(options: TyphaLinkOptions) {
    this.#options = options;
  }

  start(): void {
    void this.#dial();
  }

  stop(): void {
    this.#isStopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#socket?.destroy();
    this.#socket = null;
    this.#buffer.release();
  }

  /** Back-pressure: stops and starts reading. */
  setPaused(isPaused: boolean): void {
    if (this.#isPaused === isPaused) return;
    this.#isPaused = isPaused;
    this.#lastHeardMs = performance.now();
    if (isPaused) this.#socket?.pause();
    else this.#socket?.resume();
  }

  /**
   * Ends a connection that has said nothing for so long that its Typha, or the way to it, is gone.
   */
  checkSilence(nowMs: number): void {
    if (this.#socket !== null && !this.#isPaused && nowMs - this.#lastHeardMs > SILENCE_MS)
      this.#lose(this.#socket, "silent for 30 s");
  }

  async #dial(): Promise<void> {
    const { compress } = this.#options;
    const buffer = new ReadBuffer(MAX_MESSAGE_BYTES);
    const socket = await this.#options.dial(
      compress
        ? undefined
        : { space: () => buffer.space, came: (count) => this.#came(buffer, count) },
    );
    if (typeof socket === "string") {
      if (!this.#isStopped) this.#options.onLost(socket);
      this.#redial();
      return;
    }
    if (this.#isStopped) {
      socket.destroy();
      return;
    }
    this.#socket = socket;
    this.#reader = new TyphaReader(MAX_MESSAGE_BYTES);
    this.#buffer = buffer;
    this.#unframer = null;
    this.#isGreeted = false;
    this.#lastHeardMs = performance.now();
    socket.on("data", (data: Uint8Array) => this.#feed(socket, data));
    socket.on("error", (error) => this.#lose(socket, error.message));
    socket.on("close", () => this.#lose(socket, "closed by Typha"));
    if (this.#isPaused) socket.pause();
    const { hello } = this.#options;
    socket.write(CLIENT_DEFINITIONS);
    socket.write(
      encodeClientHello({
        ...hello,
        supportsDecoderRestart: compress,
        compressionAlgorithms: compress ? ["snappy"] : [],
      }),
    );
  }

  #redial(): void {
    if (this.#isStopped) return;
    this.#timer = setTimeout(
      () => void this.#dial(),
      backoffMs(this.#attempt++, REDIAL, Math.random),
    );
  }

  #lose(socket: Duplex, reason: string): void {
    if (this.#socket !== socket) return;
    this.#socket = null;
    socket.destroy();
    this.#buffer.release();
    this.#options.onLost(reason);
    this.#redial();
  }

  #came(buffer: ReadBuffer, count: number): void {
    const socket = this.#socket;
    if (socket === null || this.#buffer !== buffer) return;
    this.#guard(socket, () =>
      buffer.came(
        count,
        (chunk) => this.#read(socket, chunk),
        () => this.#endPiece(),
      ),
    );
  }

  #feed(socket: Duplex, data: Uint8Array): void {
    this.#guard(socket, () => {
      for (const bytes of this.#unframer?.feed(data) ?? [data])
        this.#buffer.push(
          bytes,
          (chunk) => this.#read(socket, chunk),
          () => this.#endPiece(),
        );
    });
  }

  #endPiece(): boolean {
    this.#options.onPieceEnd();
    return this.#options.keepsBytes?.() ?? false;
  }

  #guard(socket: Duplex, run: () => void): void {
    this.#lastHeardMs = performance.now();
    try {
      run();
    } catch (error) {
      if (!(error instanceof GobError)) throw error;
      this.#lose(socket, `sent bytes that break the protocol: ${error.message}`);
    }
  }

  #read(socket: Duplex, chunk: Chunk): void {
    if (this.#socket !== socket) return;
    const message = this.#reader.read(chunk);
    if (message !== null) this.#receive(socket, message);
  }

  #receive(socket: Duplex, message: FromTypha): void {
    if (this.#isGreeted === (message.type === "MsgServerHello"))
      throw new GobError(`${message.type} ${this.#isGreeted ? "a second time" : "before a hello"}`);
    switch (message.type) {
      case "MsgServerHello":
        this.#isGreeted = true;
        this.#attempt = 0;
        this.#options.onMessage(message);
        return;
      case "raw":
      case "MsgSyncStatus":
        this.#options.onMessage(message);
        return;
      case "MsgPing":
        socket.write(encodePong(message.timestamp));
        return;
      case "MsgDecoderRestart":
        this.#restart(socket, message.compressionAlgorithm);
        return;
      case "MsgClientHello":
      case "MsgACK":
      case "MsgPong":
        throw new GobError(`${message.type}, which no server sends`);
    }
  }

  /** Nothing of the new stream is here yet: Typha waits for the ACK before it sends it. */
  #restart(socket: Duplex, algorithm: string): void {
    if (!this.#options.compress || (algorithm !== "snappy" && algorithm !== ""))
      throw new GobError(`MsgDecoderRestart ${JSON.stringify(algorithm.slice(0, 20))}`);
    this.#reader = new TyphaReader(MAX_MESSAGE_BYTES);
    this.#buffer = new ReadBuffer(MAX_MESSAGE_BYTES);
    this.#unframer = algorithm === "snappy" ? new Unframer() : null;
    socket.write(encodeAck());
  }
}
