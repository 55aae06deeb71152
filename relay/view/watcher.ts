/** One watch socket: an origin's channels into a remote view. Says hello with the view's cursors, acknowledges, asks for repairs. */
import type { CloseReason } from "../../shared/protocol/errors.ts";
import { LIMITS } from "../../shared/protocol/limits.ts";
import type { Message, WatchMessage } from "../../shared/protocol/messages.ts";
import { PROTOCOL_VERSIONS } from "../../shared/protocol/version.ts";
import { CHANNELS } from "../../shared/record/channel.ts";
import { OUTSIDE } from "../hub/outside.ts";
import type { Link, Outside } from "../hub/outside.ts";
import { SOFTWARE } from "../version.ts";
import type { ViewChange } from "./channel-view.ts";
import type { RemoteView } from "./remote-view.ts";

export interface WatcherHandlers {
  onChanges(changes: readonly ViewChange[]): void;
  /** Connection or sync state may have changed. */
  onState(): void;
  onDown(reason: CloseReason | null, message: string): void;
}

/** Quiet time after which what was taken in is acknowledged, so that an idle hub object may sleep. */
const IDLE_ACK_MS = 1_000;

export class Watcher {
  readonly #view: RemoteView;
  readonly #handlers: WatcherHandlers;
  readonly #outside: Outside;
  readonly #link: Link;
  #accessVersion = 0;
  #receivedBytes = 0;
  #acknowledgedBytes = 0;
  #oldestUnackedMs = 0;
  #cancelAck: (() => void) | null = null;
  #transferred = { changes: 0, bytes: 0 };
  /** Why the hub refused the last attempt, while it does. */
  refusal: CloseReason | null = null;

  constructor(
    view: RemoteView,
    url: string,
    headers: () => Promise<Readonly<Record<string, string>>>,
    handlers: WatcherHandlers,
    outside = OUTSIDE,
  ) {
    this.#outside = outside;
    this.#view = view;
    this.#handlers = handlers;
    this.#link = outside.dial({
      url,
      headers,
      heartbeatMs: 20_000,
      handlers: {
        onOpen: () => this.#hello(),
        onMessage: (message, bytes) => this.#received(message as WatchMessage, bytes),
        onDown: (reason, message) => {
          if (reason !== null) this.refusal = reason;
          handlers.onDown(reason, message);
          handlers.onState();
        },
      },
    });
  }

  get isOpen(): boolean {
    return this.#link.isOpen;
  }

  /** Bytes and record changes that came over this connection. */
  get transferred(): { readonly changes: number; readonly bytes: number } {
    return this.#transferred;
  }

  start(): void {
    this.#link.start();
  }

  stop(): void {
    this.#cancelAck?.();
    this.#link.stop();
  }

  #hello(): void {
    this.#view.onConnect();
    this.#receivedBytes = 0;
    this.#acknowledgedBytes = 0;
    this.#transferred = { changes: 0, bytes: 0 };
    this.#link.send({
      type: "watch-hello",
      versions: PROTOCOL_VERSIONS,
      software: SOFTWARE,
      accessVersion: this.#accessVersion,
      creditBytes: LIMITS.defaultCreditBytes,
      channels: CHANNELS,
      cursors: this.#view.cursors(),
    });
    this.#handlers.onState();
  }

  #received(message: WatchMessage, bytes: number): void {
    if (this.#view.isOverfull) {
      this.#link.restart(`the view cannot be written: ${this.#view.writeError}`);
      return;
    }
    this.#receivedBytes += bytes;
    if (message.type === "watch-welcome") {
      this.#accessVersion = message.accessVersion;
      this.refusal = null;
    }
    const { changes, answer } = this.#view.onMessage(message);
    if (message.type === "frame" || message.type === "catch-up" || message.type === "blob") {
      this.#transferred = {
        changes: this.#transferred.changes + changes.length,
        bytes: this.#transferred.bytes + bytes,
      };
    }
    if (answer !== null) this.#link.send(answer as Message);
    if (changes.length > 0) this.#handlers.onChanges(changes);
    if (message.type !== "frame") this.#handlers.onState();
    this.#scheduleAck();
  }

  #scheduleAck(): void {
    const unacked = this.#receivedBytes - this.#acknowledgedBytes;
    const now = this.#outside.now();
    if (this.#cancelAck === null) this.#oldestUnackedMs = now;
    if (unacked >= LIMITS.ackBytes || now - this.#oldestUnackedMs >= LIMITS.ackMs) {
      this.#acknowledge();
      return;
    }
    this.#cancelAck?.();
    this.#cancelAck = this.#outside.after(IDLE_ACK_MS, () => this.#acknowledge());
  }

  #acknowledge(): void {
    this.#cancelAck?.();
    this.#cancelAck = null;
    this.#acknowledgedBytes = this.#receivedBytes;
    for (const channel of CHANNELS)
      this.#link.send({
        type: "reader-ack",
        origin: 0,
        channel,
        ...this.#view.acknowledged(channel),
        receivedBytes: this.#receivedBytes,
      });
  }
}
