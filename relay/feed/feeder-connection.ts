/**
 * A follower's connection to one relay that may feed it: comes back by itself, knows whether the
 * other one feeds and has the hub, and carries streams. A silent one is given up. [FEE6]
 */
import type { RelayPorts } from "../hub/relay-ports.ts";
import { nextRetry } from "../../shared/lib/retry.ts";
import type { Outage } from "../../shared/lib/retry.ts";
import type { Candidate } from "./choice.ts";
import type { FeedFrame, FeedNet, FeedPipe, FeederState } from "./frames.ts";

/** A feeder that is killed is noticed at once; one that is cut off, after this time. */
const SILENT_MS = 2_500;
const BEAT_MS = 1_000;
/** Who answers later than this is waited for no more: others are asked beside it. */
const ANSWER_MS = 1_000;
/** Who was lost is followed again when it has been back for so long. */
const RETURN_MS = 10_000;
const RETRY = { shortestMs: 500, longestMs: 10_000, healthyMs: 5_000 };

export interface StreamHandlers {
  onOpened(): void;
  onFrame(frame: Extract<FeedFrame, { type: "message" | "closed" }>): void;
  /** The connection is lost. */
  onLost(message: string): void;
}

export interface FeederConnectionHandlers {
  /** Whether it can be followed may have changed. */
  onChange(): void;
  onFacts(facts: string): void;
}

export class FeederConnection {
  readonly address: string;
  readonly #net: FeedNet;
  readonly #ports: RelayPorts;
  readonly #handlers: FeederConnectionHandlers;
  readonly #streams = new Map<number, StreamHandlers>();
  #nextStream = 1;
  #pipe: FeedPipe | null = null;
  #state: FeederState | null = null;
  #openedMs: number | null = null;
  #heardMs = 0;
  readonly #madeMs: number;
  #outage: Outage = null;
  #isStopped = false;
  #wasLost = false;
  #hasFailed = false;
  #cancel: (() => void) | null = null;

  constructor(
    address: string,
    net: FeedNet,
    ports: RelayPorts,
    handlers: FeederConnectionHandlers,
  ) {
    this.address = address;
    this.#net = net;
    this.#ports = ports;
    this.#handlers = handlers;
    this.#madeMs = ports.now();
    this.#dial();
  }

  get candidate(): Candidate {
    const { feeds, hub } = this.#state ?? { feeds: false, hub: false };
    return { address: this.address, state: this.#stateNow(), feeds, hub };
  }

  #stateNow(): Candidate["state"] {
    if (this.#state === null) return this.#hasFailed ? "dead" : "unknown";
    const heldMs = this.#ports.now() - (this.#openedMs ?? 0);
    return this.#wasLost && heldMs < RETURN_MS ? "returning" : "alive";
  }

  /** It has not answered, and should have. */
  get isSlow(): boolean {
    return this.#stateNow() === "unknown" && this.#ports.now() - this.#madeMs >= ANSWER_MS;
  }

  /** @returns The stream; it fails at once, later, when there is no connection. */
  open(target: string, handlers: StreamHandlers): number {
    const stream = this.#nextStream++;
    this.#streams.set(stream, handlers);
    this.#pipe?.send({ type: "open", stream, target });
    return stream;
  }

  get isUp(): boolean {
    return this.#state !== null;
  }

  send(stream: number, bytes: Uint8Array): void {
    this.#pipe?.send({ type: "message", stream, bytes });
  }

  close(stream: number): void {
    if (!this.#streams.delete(stream)) return;
    this.#pipe?.send({ type: "closed", stream, reason: null, message: "not needed any more" });
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel?.();
    const pipe = this.#pipe;
    this.#pipe = null;
    this.#state = null;
    pipe?.close();
    this.#loseStreams("this relay has let go of it");
  }

  #dial(): void {
    if (this.#isStopped) return;
    const pipe: FeedPipe = this.#net.connect(
      this.address,
      {
        onFrame: (frame) => {
          if (pipe === this.#pipe) this.#received(frame);
        },
        onClosed: (message) => {
          if (pipe === this.#pipe) this.#lost(message);
        },
      },
      () => undefined,
    );
    this.#pipe = pipe;
    this.#heardMs = this.#ports.now();
    this.#beat(pipe);
  }

  #beat(pipe: FeedPipe): void {
    const dueMs = this.#ports.now() + BEAT_MS;
    this.#cancel = this.#ports.after(BEAT_MS, () => {
      if (pipe !== this.#pipe) return;
      // While this process stood still it could hear nobody: what came meanwhile is still unread.
      this.#heardMs += Math.max(0, this.#ports.now() - dueMs);
      if (this.#ports.now() - this.#heardMs > SILENT_MS) {
        this.#lost(`nothing was heard for ${SILENT_MS / 1000} s`);
        return;
      }
      if (this.#state !== null) pipe.send({ type: "alive" });
      this.#beat(pipe);
    });
  }

  #received(frame: FeedFrame): void {
    this.#heardMs = this.#ports.now();
    if (frame.type === "state") {
      const { feeds, hub } = frame;
      const before = this.#state;
      if (before === null) this.#openedMs = this.#ports.now();
      this.#state = { feeds, hub };
      if (before?.feeds !== feeds || before.hub !== hub) this.#handlers.onChange();
    } else if (frame.type === "facts") this.#handlers.onFacts(frame.facts);
    else if (frame.type === "opened") this.#streams.get(frame.stream)?.onOpened();
    else if (frame.type === "message" || frame.type === "closed") {
      const handlers = this.#streams.get(frame.stream);
      if (frame.type === "closed") this.#streams.delete(frame.stream);
      handlers?.onFrame(frame);
    }
  }

  #lost(message: string): void {
    const pipe = this.#pipe;
    this.#pipe = null;
    pipe?.close();
    this.#wasLost ||= this.#state !== null;
    this.#hasFailed = true;
    this.#state = null;
    this.#cancel?.();
    const nowMs = this.#ports.now();
    const heldMs = this.#openedMs === null ? null : nowMs - this.#openedMs;
    this.#openedMs = null;
    const { outage, delayMs } = nextRetry(this.#outage, { nowMs, heldMs }, RETRY, () =>
      this.#ports.random(),
    );
    this.#outage = outage;
    this.#cancel = this.#ports.after(delayMs, () => this.#dial());
    this.#loseStreams(message);
    this.#handlers.onChange();
  }

  #loseStreams(message: string): void {
    const streams = [...this.#streams.values()];
    this.#streams.clear();
    for (const stream of streams) stream.onLost(message);
  }
}
