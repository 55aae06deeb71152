/**
 * Connections: two directions, each in order, each with its own delays; cut at any time, noticed by
 * the two sides at different times, what was under way is lost. A reader may be slow or take
 * nothing for a while.
 */
import { decodeMessage, encodeMessage } from "../../shared/protocol/codec.ts";
import type { CloseReason } from "../../shared/protocol/errors.ts";
import type { Message } from "../../shared/protocol/messages.ts";
import type { Link } from "../../relay/hub/relay-ports.ts";
import type { LinkHandlers } from "../../relay/hub/link.ts";
import type { Peer } from "../../worker/origin/peer.ts";
import type { World } from "./world.ts";

/** The hub's end of the wire. */
export interface HubEnd {
  /** A connection attempt; `null` when nobody answers. */
  accept(target: string, peer: Peer, wire: Wire): string | null;
  receive(target: string, socket: string, bytes: Uint8Array): void;
  closed(target: string, socket: string): void;
}

export class Wire {
  readonly #world: World;
  readonly #link: SimLink;
  readonly #hub: HubEnd;
  readonly target: string;
  socket = "";
  #toHubMs = 0;
  #toRelayMs = 0;
  #isCut = false;
  /** The relay takes nothing until then. */
  stalledUntilMs = 0;
  #cutMs: number | null = null;
  /** When the hub first sent something on it; `null`: it has not. */
  greetedMs: number | null = null;

  constructor(world: World, link: SimLink, hub: HubEnd, target: string) {
    this.#world = world;
    this.#link = link;
    this.#hub = hub;
    this.target = target;
  }

  get isCut(): boolean {
    return this.#isCut;
  }

  /** When the hub last heard a heartbeat on it, about. */
  get heardMs(): number {
    return this.#cutMs ?? this.#world.now;
  }

  toHub(message: Message): void {
    const bytes = encodeMessage(message);
    this.#toHubMs = this.#later(this.#toHubMs);
    this.#at(this.#toHubMs, () => this.#hub.receive(this.target, this.socket, bytes));
  }

  toRelay(bytes: Uint8Array): void {
    this.greetedMs ??= this.#world.now;
    this.#toRelayMs = Math.max(this.#later(this.#toRelayMs), this.stalledUntilMs);
    this.#at(this.#toRelayMs, () => {
      const decoded = decodeMessage(bytes);
      if (!decoded.ok) throw new Error(`the hub broke the protocol: ${decoded.rule}`);
      this.#link.deliver(this, decoded.message, bytes.length);
    });
  }

  /** The hub closes: the relay hears it after all that was sent before. */
  closeByHub(reason: CloseReason | null, message: string): void {
    this.#toRelayMs = this.#later(this.#toRelayMs);
    this.#at(this.#toRelayMs, () => {
      this.#isCut = true;
      this.#cutMs = this.#world.now;
      this.#link.down(this, reason, message);
    });
  }

  /** Cut in the middle. */
  cut(): void {
    if (this.#isCut) return;
    this.#isCut = true;
    this.#cutMs = this.#world.now;
    const { rng } = this.#world;
    // One side may think for long that the other is still there.
    const noticed = (): number => (rng.chance(0.2) ? rng.below(4_000) : rng.below(100));
    this.#world.after(noticed(), () => this.#link.down(this, null, "cut"));
    this.#world.after(noticed(), () => this.#hub.closed(this.target, this.socket));
  }

  /** The relay closes, or its process ends. */
  closeByRelay(): void {
    if (this.#isCut) return;
    this.#isCut = true;
    this.#cutMs = this.#world.now;
    this.#world.after(this.#world.rng.below(20), () => this.#hub.closed(this.target, this.socket));
  }

  #later(after: number): number {
    const { rng, now } = this.#world;
    const delay = rng.chance(0.05) ? rng.below(300) : 1 + rng.below(8);
    return Math.max(after, now + delay);
  }

  #at(ms: number, run: () => void): void {
    this.#world.after(ms - this.#world.now, () => {
      if (!this.#isCut) run();
    });
  }
}

/** A relay's connection that comes back by itself, as `HubLink` does. */
export class SimLink implements Link {
  readonly #world: World;
  readonly #hub: HubEnd;
  readonly #target: string;
  readonly #peer: () => Peer;
  readonly #handlers: LinkHandlers;
  wire: Wire | null = null;
  /** Hears what is sent while it is open, and says what is sent instead. */
  onSend: (message: Message) => Message = (message) => message;
  #isStopped = true;
  #isRetrying = false;

  constructor(world: World, hub: HubEnd, target: string, peer: () => Peer, handlers: LinkHandlers) {
    this.#world = world;
    this.#hub = hub;
    this.#target = target;
    this.#peer = peer;
    this.#handlers = handlers;
  }

  get isOpen(): boolean {
    return this.wire !== null;
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  start(): void {
    this.#isStopped = false;
    this.#retry(this.#world.rng.below(5));
  }

  stop(): void {
    this.#isStopped = true;
    this.wire?.closeByRelay();
    this.wire = null;
  }

  restart(message: string): void {
    const { wire } = this;
    if (wire === null) return;
    wire.closeByRelay();
    this.down(wire, null, message);
  }

  send(message: Message): void {
    if (this.wire === null) return;
    this.wire.toHub(this.onSend(message));
  }

  deliver(wire: Wire, message: Message, bytes: number): void {
    if (wire === this.wire) this.#handlers.onMessage(message, bytes);
  }

  down(wire: Wire, reason: CloseReason | null, message: string): void {
    if (wire !== this.wire || this.#isStopped) return;
    this.wire = null;
    this.#handlers.onDown(reason, message);
    this.#retry(50 + this.#world.rng.below(400));
  }

  #retry(delayMs: number): void {
    if (this.#isRetrying) return;
    this.#isRetrying = true;
    this.#world.after(delayMs, () => {
      this.#isRetrying = false;
      if (!this.#isStopped && this.wire === null) this.#connect();
    });
  }

  #connect(): void {
    const wire = new Wire(this.#world, this, this.#hub, this.#target);
    const socket = this.#hub.accept(this.#target, this.#peer(), wire);
    if (socket === null) {
      this.#retry(100 + this.#world.rng.below(300));
      return;
    }
    wire.socket = socket;
    this.wire = wire;
    this.#handlers.onOpen();
  }
}
