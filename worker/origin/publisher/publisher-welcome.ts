/** The handshake of the cluster's own relays: one publishes, the others stand by. [VIS30] */
import { must } from "../../../shared/lib/assert.ts";
import { encodeMessage } from "../../../shared/protocol/codec.ts";
import type { CloseReason } from "../../../shared/protocol/errors.ts";
import type { Message } from "../../../shared/protocol/messages.ts";
import { SERVICES_VERSION } from "../../../shared/protocol/version.ts";
import type { Channel } from "../../../shared/record/channel.ts";
import { FELIX_CHANNELS } from "../../../shared/record/channel.ts";
import { withoutServices } from "../../../shared/visibility/facts-before.ts";
import type { OriginFacts } from "../../../shared/visibility/facts.ts";
import { BUDGETS } from "../budgets/limits.ts";
import { listLogs } from "../log/channel-logs.ts";
import type { Logs } from "../log/channel-logs.ts";
import type { Peer, SocketId } from "../peer.ts";
import type { SocketPort } from "../ports.ts";
import type { PublisherSockets, Replaced } from "./publisher-sockets.ts";
import type { PublishClaim } from "./publisher-term.ts";

export interface WelcomeHandlers {
  /** Closes a socket and forgets it. */
  refuse(socket: SocketId, reason: CloseReason, message: string): void;
  /** Another socket publishes from here on. */
  publisherChanged(): void;
  /** Has a hello, or a promotion, tried again when others have had their turn. */
  retrySoon(): void;
  /** Milliseconds between a publisher's frames. */
  paceMs(): number;
}

export class PublisherWelcome {
  readonly #port: SocketPort;
  readonly #sockets: PublisherSockets;
  readonly #logs: Logs;
  readonly #handlers: WelcomeHandlers;

  constructor(port: SocketPort, sockets: PublisherSockets, logs: Logs, handlers: WelcomeHandlers) {
    this.#port = port;
    this.#sockets = sockets;
    this.#logs = logs;
    this.#handlers = handlers;
  }

  /**
   * Computes digests that a `home-welcome` carries, some leaves a call; answers whether all are
   * known. [LOG18]
   */
  computeDigests(): boolean {
    const isKnown = listLogs(this.#logs).every((log) =>
      log.received.union.refresh(BUDGETS.welcomeDigestLeaves),
    );
    if (!isKnown) this.#handlers.retrySoon();
    return isKnown;
  }

  /** Where nobody publishes any more, a relay that stands by does. [VIS30] */
  promote(facts: OriginFacts): void {
    if (this.#sockets.next() === null || !this.computeDigests()) return;
    const { socket, peer, candidate, software, version } = must(
      this.#sockets.next(),
      "the next publisher",
    );
    this.welcome(socket, peer, { leaseUid: "", term: 0, candidate, software }, version, facts);
  }

  welcome(
    socket: SocketId,
    peer: Peer,
    claim: PublishClaim,
    version: number,
    facts: OriginFacts,
  ): void {
    const welcomed = this.#sockets.welcome(socket, peer, claim, version, facts);
    switch (welcomed.kind) {
      case "refused":
        this.#handlers.refuse(socket, welcomed.reason, welcomed.message);
        return;
      case "standby": {
        const nothing = { version, term: 0, paceMs: 0, channels: [], isStandby: true } as const;
        this.#send(socket, { type: "home-welcome", ...nothing });
        break;
      }
      case "publisher":
        this.#welcomePublisher(socket, version, welcomed.term, welcomed.replaced);
    }
    this.#sendAccessTo(socket, facts);
  }

  #welcomePublisher(
    socket: SocketId,
    version: number,
    term: number,
    replaced: Replaced | null,
  ): void {
    this.#handlers.publisherChanged();
    if (replaced !== null) this.#handlers.refuse(replaced.socket, "superseded", replaced.message);
    this.#send(socket, {
      type: "home-welcome",
      version,
      term,
      paceMs: this.#handlers.paceMs(),
      channels: listLogs(this.#logs)
        .filter(({ channel }) => isKnown(channel, version))
        .map((log) => ({
          channel: log.channel,
          epoch: log.epoch,
          head: log.head,
          digest: log.received.union.digest(),
        })),
      isStandby: null,
    });
  }

  /** Sends the cluster's relays the facts of what may be seen now. */
  sendAccess(facts: OriginFacts): void {
    for (const socket of this.#sockets.sockets()) this.#sendAccessTo(socket, facts);
  }

  #sendAccessTo(socket: SocketId, facts: OriginFacts): void {
    const { readers: _all, scopedReaders: _some, ...own } = facts;
    const knowsServices = this.#sockets.versionOf(socket) >= SERVICES_VERSION;
    const told = knowsServices ? own : withoutServices(own);
    this.#send(socket, { type: "access", facts: JSON.stringify(told) });
  }

  #send(socket: SocketId, message: Message): void {
    this.#port.send(socket, encodeMessage(message));
  }
}

/** Whether a relay of this protocol version has heard of a channel. */
function isKnown(channel: Channel, version: number): boolean {
  return version >= SERVICES_VERSION || FELIX_CHANNELS.some((known) => known === channel);
}
