/**
 * A member that does something else than publish, without end: as fast as the hub takes it, over a
 * socket that comes back when it is closed.
 */
import type { CloseReason } from "../../shared/protocol/errors.ts";
import type { HomeHello, WatchHello } from "../../shared/protocol/messages.ts";
import type { Peer } from "../../worker/origin/peer.ts";
import type { CrowdedHub, HostedOrigin } from "./crowded-hub.ts";

/** Messages on the wire that the hub has not read, and a link of 1 Gbit/s. */
const ON_THE_WIRE = 8;
const BYTE_US = 0.008;
/** To connect again: TCP, TLS, the upgrade. */
const RECONNECT_US = 5_000;

export interface NuisanceKind {
  readonly peer: Peer;
  readonly hello: HomeHello | WatchHello;
  /** Its n-th message, encoded. */
  message(n: number): Uint8Array;
}

export class Nuisance {
  readonly #hub: CrowdedHub;
  readonly #origin: HostedOrigin;
  readonly #kind: NuisanceKind;
  #socket = "";
  #sent = 0;
  /** Messages that the hub has read from the wire. */
  taken = 0;
  readonly closed: string[] = [];

  constructor(hub: CrowdedHub, origin: HostedOrigin, kind: NuisanceKind) {
    this.#hub = hub;
    this.#origin = origin;
    this.#kind = kind;
  }

  start(): void {
    const socket = this.#origin.connect({
      peer: this.#kind.peer,
      onMessage: () => undefined,
      onTaken: () => {
        this.taken++;
        this.#sendOn(socket);
      },
      onClosed: (reason: CloseReason, message: string) => {
        this.closed.push(`${reason}: ${message}`);
        if (this.#socket === socket)
          this.#hub.thread.after(RECONNECT_US, () => {
            if (this.#socket === socket) this.start();
          });
      },
    });
    this.#socket = socket;
    this.#origin.send(socket, this.#kind.hello);
    for (let n = 0; n < ON_THE_WIRE; n++) this.#sendOn(socket);
  }

  stop(): void {
    this.#origin.disconnect(this.#socket);
    this.#socket = "";
  }

  #sendOn(socket: string): void {
    const message = this.#kind.message(this.#sent++);
    this.#hub.thread.after(message.length * BYTE_US, () => {
      if (this.#socket === socket) this.#origin.sendBytes(socket, message);
    });
  }
}
