/**
 * A follower's link: what a socket to the hub is, over a stream of a feeder. It opens when the
 * feeder's own socket is open, and comes back by itself as long as the feeder is there. [FEE6]
 */
import { nextRetry } from "../../shared/lib/retry.ts";
import type { Outage } from "../../shared/lib/retry.ts";
import { decodeMessage, encodeMessage } from "../../shared/protocol/codec.ts";
import type { Message } from "../../shared/protocol/messages.ts";
import type { CloseReason } from "../../shared/protocol/errors.ts";
import type { LinkHandlers } from "../hub/link.ts";
import type { Link, RelayPorts } from "../hub/relay-ports.ts";
import type { FeederConnection } from "./feeder-connection.ts";

const RETRY = { shortestMs: 50, longestMs: 2_000, healthyMs: 5_000 };

export class FeedLink implements Link {
  readonly #feeder: FeederConnection;
  readonly #target: string;
  readonly #handlers: LinkHandlers;
  readonly #ports: RelayPorts;
  #stream: number | null = null;
  #openedMs: number | null = null;
  #outage: Outage = null;
  #isStopped = false;
  #cancel: (() => void) | null = null;

  constructor(feeder: FeederConnection, target: string, handlers: LinkHandlers, ports: RelayPorts) {
    this.#feeder = feeder;
    this.#target = target;
    this.#handlers = handlers;
    this.#ports = ports;
  }

  get isOpen(): boolean {
    return this.#openedMs !== null;
  }

  start(): void {
    if (this.#isStopped) return;
    const stream: number = this.#feeder.open(this.#target, {
      onOpened: () => this.#guarded(() => this.#opened()),
      onFrame: (frame) => {
        if (frame.type === "closed") this.#down(frame.reason, frame.message);
        else this.#received(frame.bytes);
      },
      onLost: (message) => this.#down(null, message),
    });
    this.#stream = stream;
    // Else a stream of a connection that is lost would wait for ever.
    if (!this.#feeder.isUp) this.#down(null, "the relay that feeds this one is not there");
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel?.();
    this.#leave();
    this.#openedMs = null;
  }

  restart(message: string): void {
    if (this.#stream === null) return;
    this.#leave();
    this.#down(null, message);
  }

  send(message: Message): void {
    if (this.isOpen && this.#stream !== null)
      this.#feeder.send(this.#stream, encodeMessage(message));
  }

  #leave(): void {
    if (this.#stream !== null) this.#feeder.close(this.#stream);
    this.#stream = null;
  }

  #opened(): void {
    this.#openedMs = this.#ports.now();
    this.#handlers.onOpen();
  }

  #received(bytes: Uint8Array): void {
    const decoded = decodeMessage(bytes);
    if (!decoded.ok) return this.restart(`a feeder broke the protocol: ${decoded.rule}`);
    this.#guarded(() => this.#handlers.onMessage(decoded.message, bytes.length));
  }

  /** As of a link to the hub: a handler that throws ends its stream, never the relay. [FLT1] */
  #guarded(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.restart(`a message of a feeder could not be handled: ${String(error)}`);
    }
  }

  #down(reason: CloseReason | null, message: string): void {
    if (this.#isStopped) return;
    this.#leave();
    const nowMs = this.#ports.now();
    const heldMs = this.#openedMs === null ? null : nowMs - this.#openedMs;
    this.#openedMs = null;
    const { outage, delayMs } = nextRetry(this.#outage, { nowMs, heldMs }, RETRY, () =>
      this.#ports.random(),
    );
    this.#outage = outage;
    this.#cancel?.();
    this.#cancel = this.#ports.after(delayMs, () => this.start());
    if (heldMs !== null) this.#handlers.onDown(reason, message);
  }
}
