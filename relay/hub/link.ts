/**
 * One WebSocket to the hub that comes back by itself: full-jitter backoff, a heartbeat that notices
 * a silent peer, binary messages only. It decides nothing about their content. A socket that was
 * replaced is ignored by identity.
 */
import type { IncomingMessage } from "node:http";

import WebSocket from "ws";
import { z } from "zod";

import { errorText } from "../../shared/lib/error-text.ts";
import { parseJson } from "../../shared/lib/parse-json.ts";
import { decodeMessage, encodeMessage } from "../../shared/protocol/codec.ts";
import { closeReasonOf } from "../../shared/protocol/errors.ts";
import type { CloseReason } from "../../shared/protocol/errors.ts";
import { nextRetry } from "../../shared/lib/retry.ts";
import type { Outage } from "../../shared/lib/retry.ts";
import { LIMITS } from "../../shared/protocol/limits.ts";
import type { HubRoute } from "./route.ts";
import { PING_TEXT } from "../../shared/protocol/messages.ts";
import type { Message } from "../../shared/protocol/messages.ts";

/** `rerouted`: nothing is wrong; the connection goes on another way. [FEE6] */
export type DownReason = CloseReason | "rerouted";

export interface LinkHandlers {
  onOpen(): void;
  /** @param bytes Size of the message, for credit. */
  onMessage(message: Message, bytes: number): void;
  /** `reason` is `null` for anything but a close code of ours: network, HTTP error, hub gone. */
  onDown(reason: DownReason | null, message: string): void;
}

export interface LinkOptions {
  readonly url: string;
  /** Fresh request headers for each attempt (the signed token lives for minutes only). */
  headers(): Promise<Readonly<Record<string, string>>>;
  readonly heartbeatMs: number;
  /** Absent: directly, trusting what Node trusts. */
  readonly route?: HubRoute;
  /** The hub answered the upgrade with an HTTP error; its `date` tells the hub's time. */
  onRefused?(status: number, date: string | undefined): void;
  readonly handlers: LinkHandlers;
}

const RETRY = { shortestMs: 250, longestMs: 15_000, healthyMs: 5_000 };
/** An HTTP error's body is waited for so long, and taken in up to so many bytes. */
const REFUSAL_MS = 2_000;
const REFUSAL_BYTES = 16 * 1024;
/** Heartbeats that may go unanswered. */
const MISSED_HEARTBEATS = 3;

export class HubLink {
  readonly #options: LinkOptions;
  #socket: WebSocket | null = null;
  #isOpen = false;
  #isStopped = false;
  #outage: Outage = null;
  #retry: NodeJS.Timeout | null = null;
  #openedMs: number | null = null;

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  start(): void {
    this.#isStopped = false;
    void this.#connect();
  }

  /** Closes for good; no handler is called afterwards. */
  stop(): void {
    this.#isStopped = true;
    if (this.#retry !== null) clearTimeout(this.#retry);
    const socket = this.#socket;
    this.#socket = null;
    this.#isOpen = false;
    socket?.close(1000);
    socket?.terminate();
  }

  /** Drops the connection and dials again, as after a protocol error of the other side. */
  restart(message: string): void {
    const socket = this.#socket;
    if (socket !== null) this.#down(socket, null, message);
  }

  send(message: Message): void {
    if (this.#isOpen) this.#socket?.send(encodeMessage(message));
  }

  async #connect(): Promise<void> {
    this.#retry = null;
    let socket: WebSocket;
    try {
      const headers = await this.#options.headers();
      if (this.#isStopped) return;
      socket = this.#dial(headers);
    } catch (error) {
      if (!this.#isStopped) this.#tellDown(null, errorText(error));
      this.#scheduleRetry();
      return;
    }
    this.#socket = socket;
    socket.on("open", () => this.#opened(socket));
    socket.on("message", (data: Buffer, isBinary: boolean) =>
      this.#received(socket, data, isBinary),
    );
    socket.on("error", (error) =>
      this.#down(socket, null, this.#options.route?.describe(error) ?? error.message),
    );
    socket.on("unexpected-response", (_request, response) => {
      this.#guarded(socket, "the hub's refusal", () =>
        this.#options.onRefused?.(response.statusCode ?? 0, response.headers.date),
      );
      readRefusal(response, (body) =>
        this.#down(socket, null, httpError(response.statusCode ?? 0, body)),
      );
    });
    socket.on("close", (code, reason) =>
      this.#down(socket, closeReasonOf(code), reason.toString() || `closed (${code})`),
    );
  }

  /** @throws Error for a URL or headers that no request can have. */
  #dial(headers: Readonly<Record<string, string>>): WebSocket {
    const { url, route } = this.#options;
    return new WebSocket(url, {
      headers,
      perMessageDeflate: false,
      maxPayload: LIMITS.messageBytes,
      handshakeTimeout: 10_000,
      ...(route?.agent === undefined ? {} : { agent: route.agent }),
    });
  }

  #opened(socket: WebSocket): void {
    if (socket !== this.#socket) return;
    this.#isOpen = true;
    this.#openedMs = performance.now();
    this.#beat(socket);
    this.#guarded(socket, "a new connection", () => this.#options.handlers.onOpen());
  }

  #beat(socket: WebSocket): void {
    let missed = 0;
    const timer = setInterval(() => {
      if (socket !== this.#socket) clearInterval(timer);
      else if (++missed > MISSED_HEARTBEATS) this.#down(socket, null, "no answer to heartbeats");
      else socket.send(PING_TEXT);
    }, this.#options.heartbeatMs);
    socket.on("message", () => (missed = 0));
    socket.on("close", () => clearInterval(timer));
  }

  #received(socket: WebSocket, data: Buffer, isBinary: boolean): void {
    if (socket !== this.#socket || !isBinary) return;
    const decoded = decodeMessage(data);
    if (!decoded.ok) {
      this.#down(socket, null, `the hub sent a message that breaks the protocol: ${decoded.rule}`);
      return;
    }
    this.#guarded(socket, "a message of the hub", () =>
      this.#options.handlers.onMessage(decoded.message, data.length),
    );
  }

  /**
   * A handler that throws ends its connection, never the relay, which serves every Felix of the
   * node. [FLT1]
   */
  #guarded(socket: WebSocket, what: string, run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#down(socket, null, `${what} could not be handled: ${String(error)}`);
    }
  }

  /** The connection has ended already: all that a handler that throws could end is the relay. */
  #tellDown(reason: CloseReason | null, message: string): void {
    try {
      this.#options.handlers.onDown(reason, message);
    } catch (error) {
      process.emitWarning(`the end of a connection could not be handled: ${String(error)}`);
    }
  }

  #down(socket: WebSocket, reason: CloseReason | null, message: string): void {
    if (socket !== this.#socket || this.#isStopped) return;
    this.#socket = null;
    this.#isOpen = false;
    socket.terminate();
    this.#tellDown(reason, message);
    this.#scheduleRetry();
  }

  #scheduleRetry(): void {
    if (this.#isStopped || this.#retry !== null) return;
    const nowMs = performance.now();
    const heldMs = this.#openedMs === null ? null : nowMs - this.#openedMs;
    this.#openedMs = null;
    const { outage, delayMs } = nextRetry(this.#outage, { nowMs, heldMs }, RETRY, Math.random);
    this.#outage = outage;
    this.#retry = setTimeout(() => void this.#connect(), delayMs);
  }
}

/**
 * Gives what came of a refusal's body once it has ended, broken off, grown too long or taken too
 * long. The status says all that matters: whoever refuses and then dies in the middle of its
 * sentence (a proxy, a hub that is killed) must not keep the link from dialling again. [FLT1]
 */
function readRefusal(response: IncomingMessage, done: (body: Buffer) => void): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const finish = (): void => {
    clearTimeout(timer);
    done(Buffer.concat(chunks));
  };
  const timer = setTimeout(finish, REFUSAL_MS);
  response.on("data", (chunk: Buffer) => {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > REFUSAL_BYTES) finish();
  });
  response.on("end", finish);
  response.on("close", finish);
  response.on("error", finish);
}

const problemSchema = z.object({ title: z.string().optional(), detail: z.string().optional() });

/** `problem+json` as one line, or the status. */
function httpError(status: number, body: Buffer): string {
  const json = parseJson(body.toString());
  const problem = json.ok ? problemSchema.safeParse(json.value) : null;
  if (problem?.success !== true) return `HTTP ${status}`;
  return `HTTP ${status}: ${problem.data.detail ?? problem.data.title ?? "refused"}`;
}
