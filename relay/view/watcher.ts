/**
 * One watch socket: an origin's channels into a view of it. Says hello with the view's cursors,
 * acknowledges, asks for repairs.
 */
import type { CloseReason } from "../../shared/protocol/errors.ts";
import { LIMITS } from "../../shared/protocol/limits.ts";
import type { WatchMessage } from "../../shared/protocol/messages.ts";
import { MARK_VERSION, PROTOCOL_VERSIONS } from "../../shared/protocol/version.ts";
import { FELIX_CHANNELS } from "../../shared/record/channel.ts";
import type { Channel } from "../../shared/record/channel.ts";
import { HeadQuestions } from "../hub/head-questions.ts";
import type { HeadQuestion } from "../hub/head-questions.ts";
import { isWatchMessage } from "../hub/hub-message.ts";
import { NODE_PORTS } from "../hub/relay-ports.ts";
import type { Link, RelayPorts } from "../hub/relay-ports.ts";
import { SOFTWARE } from "../lib/version.ts";
import type { Feed, FeedHandlers } from "./feed.ts";
import type { RemoteView } from "./remote-view.ts";

/** The view that a watcher fills: a remote's channels, in a file or in memory. */
export type WatchedView = Pick<
  RemoteView,
  "channels" | "isOverfull" | "writeError" | "cursors" | "acknowledged" | "onConnect" | "onMessage"
> &
  Partial<Pick<RemoteView, "health">>;

export class Watcher implements Feed {
  readonly #view: WatchedView;
  readonly #handlers: FeedHandlers;
  readonly #ports: RelayPorts;
  readonly #link: Link;
  #accessVersion: number;
  readonly #neededVersion: number;
  #receivedBytes = 0;
  #acknowledgedBytes = 0;
  /** The last one that came on this connection. */
  #mark: number | null = null;
  /** The hub marks when it wants an acknowledgement for bytes. */
  #hasMarks = false;
  /** Revisions of the last acknowledgements on this connection. */
  readonly #acknowledged = new Map<Channel, number>();
  #cancelAck: (() => void) | null = null;
  #transferred = { changes: 0, bytes: 0 };
  /** Channels whose digest the hub has told on this connection. */
  readonly #told = new Set<Channel>();
  /** On this connection or one before it. */
  readonly #everTold = new Set<Channel>();
  /** When the connection was last lost, or this watcher made. */
  #lostMs: number;
  readonly #questions: HeadQuestions;
  /** Those that this connection was opened for. */
  #channels: readonly Channel[] = [];
  /** Why the hub refused the last attempt, while it does. */
  refusal: CloseReason | null = null;

  /**
   * @param accessVersion Facts that the hub must know before it sends anything: one that does not
   *   asks the Mesh first.
   */
  constructor(
    view: WatchedView,
    url: string,
    headers: () => Promise<Readonly<Record<string, string>>>,
    handlers: FeedHandlers,
    ports = NODE_PORTS,
    accessVersion = 0,
  ) {
    this.#accessVersion = this.#neededVersion = accessVersion;
    this.#ports = ports;
    this.#lostMs = ports.now();
    this.#view = view;
    this.#handlers = handlers;
    this.#questions = new HeadQuestions((message) => this.#link.send(message));
    this.#link = ports.dial({
      url,
      headers,
      heartbeatMs: 20_000,
      handlers: {
        onOpen: () => this.#hello(),
        onMessage: (message, bytes) => {
          if (isWatchMessage(message)) this.#received(message, bytes);
          else this.#link.restart(`the hub sent ${message.type} to a reader`);
        },
        onDown: (reason, message) => {
          if (reason !== null && reason !== "rerouted") this.refusal = reason;
          if (this.#channels.length > 0) this.#lostMs = ports.now();
          this.#questions.onDown();
          this.#channels = [];
          handlers.onDown(reason, message);
          handlers.onState();
        },
      },
    });
  }

  get isRefused(): boolean {
    return this.refusal === "access-denied";
  }

  get isOpen(): boolean {
    return this.#link.isOpen;
  }

  /** Since when the hub is not heard; `null`: it is. */
  get lostMs(): number | null {
    return this.isOpen ? null : this.#lostMs;
  }

  /**
   * Whether the hub has told the digest of Felix's channels on this connection: what was equal
   * before it may be behind now.
   */
  get isTold(): boolean {
    return FELIX_CHANNELS.every((channel) => this.#told.has(channel));
  }

  wasTold(channel: Channel): boolean {
    return this.#everTold.has(channel);
  }

  askHeads(): HeadQuestion | null {
    return this.#questions.ask();
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
    this.#channels = this.#view.channels;
    this.#receivedBytes = 0;
    this.#acknowledgedBytes = 0;
    this.#mark = null;
    this.#hasMarks = false;
    this.#acknowledged.clear();
    // fault: in-sync-before-told
    this.#told.clear();
    this.#transferred = { changes: 0, bytes: 0 };
    this.#link.send({
      type: "watch-hello",
      versions: PROTOCOL_VERSIONS,
      software: SOFTWARE,
      accessVersion: this.#accessVersion,
      creditBytes: LIMITS.defaultCreditBytes,
      channels: this.#channels,
      cursors: this.#view.cursors().filter(({ channel }) => this.#channels.includes(channel)),
    });
    this.#handlers.onState();
  }

  #received(message: WatchMessage, bytes: number): void {
    if (this.#view.isOverfull) {
      this.#link.restart(`the view cannot be written: ${this.#view.writeError}`);
      return;
    }
    this.#receivedBytes += bytes;
    if (message.type === "mark") {
      this.#mark = message.token;
      this.#acknowledge();
      return;
    }
    if (message.type === "heads") {
      this.#questions.onHeads(message);
      this.#handlers.onState();
      return;
    }
    if (message.type === "watch-welcome") {
      // A hub of the version before says of what time its facts are, and not up to when they are
      // the newest.
      if (message.version >= MARK_VERSION && message.accessVersion < this.#neededVersion) {
        // It has asked its Mesh, which was put back: what it shows may be more than was granted
        // since. [BAK4]
        this.#link.restart(
          "this hub knows an older scope of the grant than this relay has heard of",
        );
        return;
      }
      this.#accessVersion = message.accessVersion;
      this.#hasMarks = message.version >= MARK_VERSION;
      this.#questions.onWelcome(message.version);
      this.refusal = null;
    }
    const { changes, answer, isRefused } = this.#view.onMessage(message);
    if (isRefused === true) {
      this.#handlers.onExcess?.();
      return;
    }
    const wasTold = this.isTold;
    if (message.type === "checkpoint") this.#told.add(message.channel);
    // What was equal when the file was written is no news: what came since follows. [SVC24]
    const isProof =
      message.type === "checkpoint" || (message.type === "frame" && message.settled !== null);
    if (isProof && this.#view.health?.(message.channel).isInSync === true)
      this.#everTold.add(message.channel);
    if (message.type === "frame" || message.type === "catch-up" || message.type === "blob") {
      this.#transferred = {
        changes: this.#transferred.changes + changes.length,
        bytes: this.#transferred.bytes + bytes,
      };
    }
    if (answer !== null) this.#link.send(answer);
    if (changes.length > 0) this.#handlers.onChanges(changes);
    if (message.type === "frame" && message.seenMs != null) this.#handlers.onSeen?.(message.seenMs);
    if (message.type !== "frame" || message.settled !== null) this.#handlers.onState();
    // Once: a hub that sleeps before it knows where this view stands would repair it.
    if (this.isTold && !wasTold) this.#acknowledge();
    else this.#scheduleAck();
  }

  /**
   * Seldom: an acknowledgement wakes the hub's object, and nobody waits for it before the reader's
   * share is used up. [LOG9]
   */
  #scheduleAck(): void {
    const isDue = this.#receivedBytes - this.#acknowledgedBytes >= LIMITS.ackBytes;
    if (isDue && !this.#hasMarks) this.#acknowledge();
    else this.#cancelAck ??= this.#ports.after(LIMITS.ackMs, () => this.#acknowledge());
  }

  /** Of the channels that have moved on; of one, when none has, for the bytes. */
  #acknowledge(): void {
    this.#cancelAck?.();
    this.#cancelAck = null;
    this.#acknowledgedBytes = this.#receivedBytes;
    const moved = this.#channels.filter(
      (channel) => this.#view.acknowledged(channel).revision !== this.#acknowledged.get(channel),
    );
    for (const channel of moved.length > 0 ? moved : this.#channels.slice(0, 1)) {
      const position = this.#view.acknowledged(channel);
      this.#acknowledged.set(channel, position.revision);
      const [receivedBytes, mark] = [this.#receivedBytes, this.#mark];
      this.#link.send({ type: "reader-ack", origin: 0, channel, ...position, receivedBytes, mark });
    }
  }
}
