/**
 * The side of an Origin that relays of other clusters speak to: who may read, the whole log or what its grant's scope shows of it, and what each is told when
 * something was committed, announced, built or taken away.
 */
import { areDisjoint } from "../../../shared/log/partition.ts";
import { encodeMessage } from "../../../shared/protocol/codec.ts";
import type { CloseReason } from "../../../shared/protocol/errors.ts";
import type { Message, WatchHello } from "../../../shared/protocol/messages.ts";
import { CHANNELS } from "../../../shared/record/channel.ts";
import type { Channel } from "../../../shared/record/channel.ts";
import type { OriginFacts } from "../../../shared/visibility/facts.ts";
import { DigestAnnouncer } from "./digest-announcer.ts";
import type { ChannelLog } from "../log/channel-log.ts";
import { LEAVES_RULE } from "../publisher/publisher-side.ts";
import { ACKNOWLEDGED_BYTES } from "../budgets/message-quota.ts";
import { mayRead, scopeOf } from "../access/permits.ts";
import type { OriginPorts, Peer, SocketId } from "../ports.ts";
import type { Logs } from "../scopes/projection.ts";
import type { Projections } from "../scopes/projections.ts";
import { Readers } from "./readers.ts";

/** Between two looks for readers that hold all the room and take nothing. */
const ROOM_MS = 5_000;
const OVERFULL_RULE =
  "its grant's scope shows more records than the scopes of an origin may together";
const MOVED_RULE = "the scope of its grant has changed";

interface ReaderSideRules {
  /** Closes a socket and forgets it. */
  refuse(socket: SocketId, reason: CloseReason, message: string): void;
  /** Whether access is known well enough to send anything. [VIS4] */
  maySend(): boolean;
  /** Whether a publisher has reconciled the channel since the hub may have lost anything. [LOG7] */
  hasReconciled(channel: Channel): boolean;
}

interface Refused {
  readonly socket: SocketId;
  readonly reason: CloseReason;
  readonly message: string;
}

export class ReaderSide {
  readonly #ports: OriginPorts;
  readonly #logs: Logs;
  readonly #projections: Projections;
  readonly #rules: ReaderSideRules;
  readonly #readers: Readers;
  readonly #announcer: DigestAnnouncer;

  constructor(ports: OriginPorts, logs: Logs, projections: Projections, rules: ReaderSideRules) {
    this.#ports = ports;
    this.#logs = logs;
    this.#projections = projections;
    this.#rules = rules;
    this.#readers = new Readers(ports.sockets, {
      maySend: () => rules.maySend(),
      canSweep: (log) => this.#canSweep(log),
      transaction: (work) => ports.store.transaction(work),
      yieldTurn: () => ports.setTimer("serve", 0),
      needRoom: () => ports.setTimer("room", ROOM_MS),
      now: () => ports.clock.now(),
      random: () => ports.random(),
      room: ports.room,
    });
    this.#announcer = new DigestAnnouncer(ports, () => this.#readers.sendCheckpoints());
  }

  #canSweep(log: ChannelLog): boolean {
    return this.#rules.hasReconciled(log.channel) && this.#projections.isBuilt(log);
  }

  get size(): number {
    return this.#readers.size;
  }

  /** Bytes that readers were sent and have not acknowledged. */
  get inFlightBytes(): number {
    return this.#readers.inFlightBytes;
  }

  /** What it needs of memory, about, besides what is in flight. */
  get bytes(): number {
    return this.#readers.bytes;
  }

  /** Each event may do so much. */
  newEvent(): void {
    this.#readers.newEvent();
  }

  /** A socket that outlived an eviction of this object. */
  restore(socket: SocketId, peer: Peer, note: string, facts: OriginFacts | null): void {
    const logs = facts === null ? null : this.#logsFor(peer, facts);
    if (logs === null) this.#rules.refuse(socket, "not-ready", MOVED_RULE);
    else this.#readers.restore(socket, peer, logs, note);
  }

  has(socket: SocketId): boolean {
    return this.#readers.has(socket);
  }

  drop(socket: SocketId): void {
    this.#readers.drop(socket);
  }

  welcome(
    socket: SocketId,
    peer: Peer,
    hello: WatchHello,
    version: number,
    facts: OriginFacts,
  ): void {
    const permit = mayRead(peer, facts);
    if (permit !== "yes") {
      this.#rules.refuse(socket, permit.reason, permit.message);
      return;
    }
    if (this.#readers.has(socket)) {
      this.#rules.refuse(socket, "protocol-error", "a second hello");
      return;
    }
    const logs = this.#logsFor(peer, facts);
    if (logs === null) {
      this.#rules.refuse(socket, "over-quota", OVERFULL_RULE);
      return;
    }
    this.#send(socket, {
      type: "watch-welcome",
      version,
      originUid: facts.cluster.uid,
      accessVersion: upTo(facts, hello),
    });
    this.#readers.admit(socket, peer, logs, hello, version);
  }

  /** What a reader says. Answers whether it counts against its cluster's messages. [LOG23] */
  onMessage(socket: SocketId, message: Message): boolean {
    if (message.type === "repair") {
      if (areDisjoint(message.leaves))
        this.#readers.onRepair(socket, message.channel, message.leaves);
      else this.#rules.refuse(socket, "protocol-error", LEAVES_RULE);
      return true;
    }
    if (message.type === "reader-ack")
      return this.#readers.onAck(socket, message) < ACKNOWLEDGED_BYTES;
    const rule = `${message.type} does not belong on a watch socket`;
    this.#rules.refuse(socket, "protocol-error", rule);
    return true;
  }

  /** Who may not read any more, or not this, is not sent anything from here on. [VIS5] [SCP5] */
  enforce(facts: OriginFacts): void {
    const refused = this.#readers.peers().flatMap(({ socket, peer, logs }): Refused[] => {
      const permit = mayRead(peer, facts);
      if (permit !== "yes") return [{ socket, ...permit }];
      if (this.#logsFor(peer, facts) === logs) return [];
      return [{ socket, reason: "not-ready", message: MOVED_RULE }];
    });
    this.#refuse(refused);
  }

  /** A projection has become too large, and its readers are not served any more. [SCP7] */
  enforceRoom(facts: OriginFacts): void {
    const refused = this.#readers
      .peers()
      .filter(({ peer, logs }) => this.#logsFor(peer, facts) !== logs)
      .map(({ socket }): Refused => ({ socket, reason: "over-quota", message: OVERFULL_RULE }));
    this.#refuse(refused);
  }

  #refuse(refused: readonly Refused[]): void {
    this.#readers.drop(...refused.map(({ socket }) => socket));
    for (const { socket, reason, message } of refused) this.#rules.refuse(socket, reason, message);
  }

  /** Something was committed. */
  committed(): void {
    const isTold = this.#readers.pumpCommitted((log) => this.#announcer.take(log));
    this.#announcer.onCommit(isTold);
  }

  /** These channels are known to be whole now, in logs that were not: told again. */
  becameWhole(channels: readonly Channel[] = CHANNELS): void {
    for (const channel of channels) this.#readers.forgetCheckpoints(channel);
    this.#readers.sendCheckpoints();
  }

  /** Anything may be sent now that could not before. */
  serveAll(): void {
    this.#readers.pumpAll();
  }

  onTimer(name: "checkpoint" | "room" | "serve"): void {
    if (name === "checkpoint") this.#announcer.onTimer();
    else if (name === "room") this.#makeRoom();
    else this.#readers.serveOn();
  }

  /**
   * Readers that take nothing must not keep the others from what there is: they come back, and go
   * on from what they have. [LOG9] [LOG25]
   */
  #makeRoom(): void {
    const message =
      "took nothing for a minute, or speaks a version that cannot prove it, and others wait for its room";
    const inTheWay = this.#readers.inTheWay();
    this.#refuse(inTheWay.map((socket): Refused => ({ socket, reason: "over-quota", message })));
    this.#readers.serveOn();
  }

  /** What a peer reads; `null` where its scope shows too much. */
  #logsFor(peer: Peer, facts: OriginFacts): Logs | null {
    const scope = scopeOf(peer, facts);
    return scope === null ? this.#logs : this.#projections.logsOf(scope);
  }

  #send(socket: SocketId, message: Message): void {
    this.#ports.sockets.send(socket, encodeMessage(message));
  }
}

/**
 * The version up to which these facts are the newest: for a newer one the Mesh was asked, and it
 * had changed nothing here. But a Mesh that was restored may have forgotten what it had changed.
 * [SCP4] [BAK4]
 */
function upTo({ accessVersion, unconfirmedRestore }: OriginFacts, hello: WatchHello): number {
  return unconfirmedRestore === undefined
    ? Math.max(accessVersion, hello.accessVersion)
    : accessVersion;
}
