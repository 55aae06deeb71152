/**
 * The sockets of an Origin: their peers, their handshakes, and the side that each message belongs
 * to. [PRO5] [PRO9]
 */
import { decodeMessage } from "../../shared/protocol/codec.ts";
import type { CloseReason } from "../../shared/protocol/errors.ts";
import { PING_TEXT } from "../../shared/protocol/messages.ts";
import type { Message } from "../../shared/protocol/messages.ts";
import type { KnownFacts } from "./access/known-facts.ts";
import { keyPermit } from "./access/permits.ts";
import type { KeyRefusal } from "./access/permits.ts";
import { SocketLives } from "./access/socket-lives.ts";
import { MessageGate } from "./budgets/message-gate.ts";
import { Handshakes } from "./handshakes.ts";
import type { Peer, SocketId } from "./peer.ts";
import type { OriginPorts } from "./ports.ts";
import type { PublisherSide } from "./publisher/publisher-side.ts";
import type { ReaderSide } from "./readers/reader-side.ts";
import type { TimerRegistry } from "./timers.ts";

/** The two sides that peers speak to; made after the sockets, which they close. */
export interface SocketSides {
  publisher(): PublisherSide;
  readers(): ReaderSide;
}

export class OriginSockets {
  readonly #ports: OriginPorts;
  readonly #known: KnownFacts;
  readonly #sides: SocketSides;
  readonly #gate: MessageGate;
  readonly #handshakes: Handshakes;
  readonly #peers = new Map<SocketId, Peer>();
  readonly #lives = new SocketLives();

  constructor(ports: OriginPorts, timers: TimerRegistry, known: KnownFacts, sides: SocketSides) {
    this.#ports = ports;
    this.#known = known;
    this.#sides = sides;
    this.#gate = new MessageGate(ports, timers, (socket, data) => this.#onHeld(socket, data));
    this.#handshakes = new Handshakes(ports, known, {
      peerOf: (socket) => this.#peers.get(socket),
      refuse: (socket, reason, message) => this.refuse(socket, reason, message),
      computeDigests: () => sides.publisher().handshake.computeDigests(),
      welcomePublisher: (...welcome) => sides.publisher().handshake.welcome(...welcome),
      welcomeReader: (...welcome) => sides.readers().welcome(...welcome),
    });
  }

  /** A socket that the Worker has authenticated. */
  open(socket: SocketId, peer: Peer): void {
    this.#handshakes.closeSilent();
    this.#handshakes.opened(socket);
    this.#add(socket, peer);
  }

  /**
   * Only a newer credential could change this refusal: nothing is gained by a wait for the hello.
   */
  checkKey(socket: SocketId, peer: Peer): void {
    const permit = this.keyPermit(peer);
    if (permit !== null) this.refuse(socket, permit.reason, permit.message);
  }

  /** `null`: its key is in use, or facts that are not fresh cannot say. */
  keyPermit(peer: Peer): KeyRefusal | null {
    return this.#known.isFresh ? keyPermit(peer, this.#known.facts) : null;
  }

  /** A socket that outlived the eviction of this object, with its note. */
  restore(socket: SocketId, peer: Peer, note: string): void {
    this.#add(socket, peer);
    if (note === "") {
      // It has said no hello: its time begins anew, and it is not kept for ever. [PRO5]
      this.#handshakes.opened(socket);
      return;
    }
    if (peer.role === "home") this.#sides.publisher().restore(socket, peer, note);
    else this.#sides.readers().restore(socket, peer, note, this.#known.facts);
  }

  #add(socket: SocketId, peer: Peer): void {
    this.#peers.set(socket, peer);
    this.#lives.opened(socket, peer.openedMs ?? this.#ports.clock.now());
  }

  /** Closes sockets whose life is over: their peers come back and go on. [CRE26] */
  closeEnded(): void {
    for (const socket of this.#lives.ended(this.#ports.clock.now()))
      this.refuse(socket, "restart", "a connection lasts a day: connect anew");
  }

  forget(socket: SocketId): void {
    this.#peers.delete(socket);
    this.#lives.forget(socket);
    this.#handshakes.forget(socket);
    this.#gate.forget(socket);
    this.#sides.readers().drop(socket);
    this.#sides.publisher().onClose(socket);
    this.promote();
  }

  refuse(socket: SocketId, reason: CloseReason, message: string): void {
    const peer = this.#peers.get(socket);
    const isBroken = reason === "protocol-error" || reason === "too-large";
    if (isBroken && peer !== undefined) this.#gate.fine(peer.clusterUid);
    this.#ports.sockets.close(socket, reason, message);
    this.forget(socket);
  }

  refuseAll(reason: CloseReason, message: string): void {
    for (const socket of this.#peers.keys()) this.refuse(socket, reason, message);
  }

  /** Where nobody publishes any more, a relay that stands by does. [VIS30] */
  promote(): void {
    const { facts, isFresh } = this.#known;
    if (facts === null || facts.removed || !isFresh) return;
    this.#sides.publisher().handshake.promote(facts);
  }

  /** The Mesh has answered: hellos that waited for it are tried again. */
  retryHellos(): void {
    this.#handshakes.retry();
    this.promote();
  }

  /** More digests are known: hellos and promotions that waited for them are tried again. */
  retryPublishers(): void {
    if (this.#known.isFresh) this.#handshakes.retry("home-hello");
    this.promote();
  }

  /** Closes sockets that have sent no hello in time. [PRO5] */
  closeSilent(): void {
    this.#handshakes.closeSilent();
  }

  /** Sockets that may still say hello. */
  get silentCount(): number {
    return this.#handshakes.silentCount;
  }

  /**
   * Heartbeats are answered before they come here; one that came before that was set is let pass.
   * Nothing else is text. [PRO9]
   */
  onText(socket: SocketId, text: string): void {
    const peer = this.#peers.get(socket);
    if (peer === undefined) return;
    const admission = this.#gate.admitText(peer.clusterUid);
    if (text !== PING_TEXT) this.refuse(socket, "protocol-error", "a text that is no heartbeat");
    else if (admission.kind === "refused") this.refuse(socket, "over-quota", admission.rule);
  }

  onMessage(socket: SocketId, data: Uint8Array): void {
    const peer = this.#peers.get(socket);
    if (peer === undefined) return;
    this.#handshakes.spoke(socket);
    this.#handshakes.closeSilent();
    const admission = this.#gate.admit(socket, peer.clusterUid, data);
    if (admission.kind === "now") this.#handle(socket, peer, data);
    else if (admission.kind === "refused") this.refuse(socket, "over-quota", admission.rule);
  }

  #onHeld(socket: SocketId, data: Uint8Array): void {
    const peer = this.#peers.get(socket);
    if (peer !== undefined) this.#handle(socket, peer, data);
  }

  #handle(socket: SocketId, peer: Peer, data: Uint8Array): void {
    const decoded = decodeMessage(data);
    if (!decoded.ok) {
      const reason = decoded.kind === "too-large" ? "too-large" : "protocol-error";
      this.refuse(socket, reason, decoded.rule);
      return;
    }
    const { message } = decoded;
    // Frames have quotas of their own.
    if (message.type === "publish") this.#gate.refund(peer.clusterUid, "publish");
    if (message.type === "watch-hello" || message.type === "home-hello")
      this.#handshakes.onHello(socket, peer, message);
    else if (peer.role === "home") this.#sides.publisher().onMessage(socket, message);
    else this.#onReaderMessage(socket, peer, message);
  }

  #onReaderMessage(socket: SocketId, { clusterUid }: Peer, message: Message): void {
    const readers = this.#sides.readers();
    if (readers.has(socket)) {
      const counts = readers.onMessage(socket, message);
      if (!counts) this.#gate.refund(clusterUid, message.type);
    } else if (!this.#handshakes.isWaiting(socket))
      this.refuse(socket, "protocol-error", `${message.type} before the hello`);
  }
}
