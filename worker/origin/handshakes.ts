/**
 * Handshakes of an Origin's sockets: a hello waits until the Mesh has answered, and until the
 * digests that a publisher is sent are known. [PRO5] [VIS4]
 */
import { must } from "../../shared/lib/assert.ts";
import type { CloseReason } from "../../shared/protocol/errors.ts";
import type { HomeHello, WatchHello } from "../../shared/protocol/messages.ts";
import { pickVersion, PROTOCOL_VERSIONS } from "../../shared/protocol/version.ts";
import type { OriginFacts } from "../../shared/visibility/facts.ts";
import type { KnownFacts } from "./access/known-facts.ts";
import { PendingSockets } from "./access/pending-sockets.ts";
import type { Hello } from "./access/pending-sockets.ts";
import type { Peer, SocketId } from "./peer.ts";
import type { OriginPorts } from "./ports.ts";

export interface HandshakeHandlers {
  /** The peer of a socket; `undefined` where it is gone. */
  peerOf(socket: SocketId): Peer | undefined;
  /** Closes a socket and forgets it. */
  refuse(socket: SocketId, reason: CloseReason, message: string): void;
  /** Computes digests for a `home-welcome`; answers whether all are known. */
  computeDigests(): boolean;
  welcomePublisher(...welcome: Welcome<HomeHello>): void;
  welcomeReader(...welcome: Welcome<WatchHello>): void;
}

type Welcome<H extends Hello> = [
  socket: SocketId,
  peer: Peer,
  hello: H,
  version: number,
  facts: OriginFacts,
];

export class Handshakes {
  readonly #ports: Pick<OriginPorts, "clock" | "mesh">;
  readonly #known: KnownFacts;
  readonly #handlers: HandshakeHandlers;
  readonly #pending = new PendingSockets();

  constructor(
    ports: Pick<OriginPorts, "clock" | "mesh">,
    known: KnownFacts,
    handlers: HandshakeHandlers,
  ) {
    this.#ports = ports;
    this.#known = known;
    this.#handlers = handlers;
  }

  opened(socket: SocketId): void {
    this.#pending.opened(socket, this.#ports.clock.now());
  }

  /** A socket has sent something. */
  spoke(socket: SocketId): void {
    this.#pending.spoke(socket);
  }

  forget(socket: SocketId): void {
    this.#pending.forget(socket);
  }

  /** Whether a socket's hello waits: nothing was sent that it could answer. */
  isWaiting(socket: SocketId): boolean {
    return this.#pending.hasHello(socket);
  }

  /** Sockets that have sent nothing yet. */
  get silentCount(): number {
    return this.#pending.silentCount;
  }

  /** Closes sockets whose time is over. [PRO5] */
  closeSilent(): void {
    for (const socket of this.#pending.expired(this.#ports.clock.now()))
      this.#handlers.refuse(socket, "hello-timeout", "no hello within 10 s");
  }

  onHello(socket: SocketId, peer: Peer, hello: Hello): void {
    if ((hello.type === "home-hello") !== (peer.role === "home")) {
      const message = `${hello.type} does not fit the ${peer.role} socket`;
      this.#handlers.refuse(socket, "protocol-error", message);
      return;
    }
    const isBehind = hello.accessVersion > (this.#known.facts?.accessVersion ?? 0);
    if (isBehind) this.#known.doubt();
    if (this.#known.isFresh) {
      this.#welcome(socket, peer, hello);
      return;
    }
    this.#pending.keepHello(socket, hello);
    this.#ports.mesh.pullFacts();
  }

  /**
   * Tries hellos again that wait, or those of one type. The Mesh has answered since they came: its
   * facts are the newest, also for a hello that names a newer version.
   */
  retry(type?: Hello["type"]): void {
    for (const [socket, hello] of this.#pending.popHellos(type)) {
      const peer = this.#handlers.peerOf(socket);
      if (peer !== undefined) this.#welcome(socket, peer, hello);
    }
  }

  #welcome(socket: SocketId, peer: Peer, hello: Hello): void {
    const version = pickVersion(hello.versions);
    if (version === null) {
      const message = `this hub speaks protocol ${PROTOCOL_VERSIONS.join(", ")}`;
      this.#handlers.refuse(socket, "version-mismatch", message);
      return;
    }
    const facts = must(this.#known.facts, "fresh facts");
    if (hello.type === "watch-hello")
      this.#handlers.welcomeReader(socket, peer, hello, version, facts);
    else if (this.#handlers.computeDigests())
      this.#handlers.welcomePublisher(socket, peer, hello, version, facts);
    else this.#pending.keepHello(socket, hello);
  }
}
