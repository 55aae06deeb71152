/**
 * A reader that takes in what it may see and keeps none of it: many fit into one process. It speaks
 * the protocol and acknowledges, counts, and looks into one frame in `sample` for the time that the
 * change took.
 */
import { decodePayload } from "../../shared/log/payload.ts";
import { HashTrie } from "../../shared/log/hash-trie.ts";
import { LIMITS } from "../../shared/protocol/limits.ts";
import type { Message, WatchMessage } from "../../shared/protocol/messages.ts";
import { MARK_VERSION, PROTOCOL_VERSIONS } from "../../shared/protocol/version.ts";
import { decodeRecord } from "../../shared/record/encoding.ts";
import { HubLink } from "../../relay/hub/link.ts";
import { SOFTWARE } from "../../relay/lib/version.ts";
import type { ChangeCounts } from "./change-counts.ts";
import { LogPosition } from "./log-position.ts";
import { CHANGED_LABEL } from "./made-up.ts";

const EMPTY = new HashTrie().leaves();
const CHANNEL = "identity";

export interface MockReaderOptions {
  /** `ws://…/v1/connect/watch/<uid>`. */
  readonly url: string;
  headers(): Promise<Readonly<Record<string, string>>>;
  /** Of this origin, for all its readers. */
  readonly counts: ChangeCounts;
  /** One frame in so many is looked into; 0: none. */
  readonly sample: number;
  /** Milliseconds from the change to here. */
  onLatency(ms: number): void;
}

export class MockReader {
  readonly #options: MockReaderOptions;
  readonly #link: HubLink;
  #position = new LogPosition();
  #received = 0;
  #acknowledged = 0;
  #mark: number | null = null;
  #hasMarks = false;
  #timer: NodeJS.Timeout | null = null;
  frames = 0;
  changes = 0;
  bytes = 0;
  /** The hub has said what all it was sent adds up to. */
  isCaughtUp = false;

  constructor(options: MockReaderOptions) {
    this.#options = options;
    this.#link = new HubLink({
      url: options.url,
      headers: () => options.headers(),
      heartbeatMs: 20_000,
      handlers: {
        onOpen: () => this.#hello(),
        onMessage: (message, bytes) => this.#receive(message as WatchMessage, bytes),
        onDown: () => {
          this.isCaughtUp = false;
        },
      },
    });
  }

  start(): void {
    this.#link.start();
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.isCaughtUp = false;
    this.#link.stop();
  }

  #hello(): void {
    this.#received = this.#acknowledged = 0;
    this.#mark = null;
    this.#hasMarks = false;
    this.#position = new LogPosition();
    this.#send({
      type: "watch-hello",
      versions: PROTOCOL_VERSIONS,
      software: `${SOFTWARE} mock`,
      accessVersion: 0,
      creditBytes: LIMITS.defaultCreditBytes,
      channels: [CHANNEL],
      cursors: [],
    });
  }

  #receive(message: WatchMessage, bytes: number): void {
    this.#received += bytes;
    this.bytes += bytes;
    if (message.type === "mark") {
      this.#mark = message.token;
      this.#acknowledge();
      return;
    }
    if (message.type === "watch-welcome") this.#hasMarks = message.version >= MARK_VERSION;
    if (message.type === "repair-needed")
      this.#send({ type: "repair", origin: 0, channel: CHANNEL, leaves: EMPTY });
    const wasCaughtUp = this.isCaughtUp;
    if (message.type === "checkpoint") this.isCaughtUp = true;
    this.#position.advance(message);
    if (message.type === "frame" || message.type === "catch-up") {
      this.frames++;
      const { sample, counts } = this.#options;
      this.changes += counts.of(message);
      if (sample > 0 && this.frames % sample === 0) this.#measure(message.payload);
    }
    // Once it has caught up, as a relay does: a hub that sleeps before it knows where this reader
    // stands would send it all again.
    const isEnough = !this.#hasMarks && this.#received - this.#acknowledged >= LIMITS.ackBytes;
    if (isEnough || (this.isCaughtUp && !wasCaughtUp)) this.#acknowledge();
    else this.#timer ??= setTimeout(() => this.#acknowledge(), LIMITS.ackMs);
  }

  #measure(payload: Uint8Array): void {
    const decoded = decodePayload(payload);
    if (!decoded.ok) return;
    const now = performance.timeOrigin + performance.now();
    for (const change of decoded.changes) {
      if (change.op !== "put") continue;
      const read = decodeRecord(change.bytes);
      const at = read.ok && "labels" in read.record ? Number(read.record.labels[CHANGED_LABEL]) : 0;
      if (at > 0) this.#options.onLatency(now - at);
    }
  }

  #acknowledge(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#acknowledged = this.#received;
    this.#send({
      type: "reader-ack",
      origin: 0,
      channel: CHANNEL,
      ...this.#position.acknowledged,
      receivedBytes: this.#received,
      mark: this.#mark,
    });
  }

  #send(message: Message): void {
    this.#link.send(message);
  }
}
