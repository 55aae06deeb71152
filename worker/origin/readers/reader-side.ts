/**
 * The side of an Origin that relays of other clusters speak to: who may read, the whole log or its
 * grant's scope of it, and what each is sent when something was committed, announced, built or
 * revoked.
 */
import { areDisjoint, DISJOINT_RULE } from "../../../shared/log/partition.ts";
import { LIMITS } from "../../../shared/protocol/limits.ts";
import { encodeMessage } from "../../../shared/protocol/codec.ts";
import type { CloseReason } from "../../../shared/protocol/errors.ts";
import type { Message, WatchHello } from "../../../shared/protocol/messages.ts";
import { CHANNELS } from "../../../shared/record/channel.ts";
import type { Channel } from "../../../shared/record/channel.ts";
import type { OriginFacts } from "../../../shared/visibility/facts.ts";
import { mayRead, readableChannels } from "../access/permits.ts";
import type { EventBudget } from "../budgets/event-budget.ts";
import { BUDGETS } from "../budgets/limits.ts";
import type { ChannelLog } from "../log/channel-log.ts";
import type { Logs } from "../log/channel-logs.ts";
import type { Peer, SocketId } from "../peer.ts";
import type { OriginPorts } from "../ports.ts";
import type { Projections } from "../scopes/projections.ts";
import type { SetTimer, TimerRegistry } from "../timers.ts";
import { DigestAnnouncer } from "./digest-announcer.ts";
import { ReaderLogs } from "./reader-logs.ts";
import { parseReaderNote } from "./reader-note.ts";
import { Readers } from "./readers.ts";

/** Between two looks for readers that hold all the memory and acknowledge nothing. */
const ROOM_MS = 5_000;
const OVERFULL_RULE =
  "its grant's scope shows more records than the scopes of an origin may together";
const CROWD_RULE = `${LIMITS.relaysOfCluster} relays of this cluster read this one already`;
const MOVED_RULE = "what it may see of this cluster has changed";

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
  readonly #logs: ReaderLogs;
  readonly #projections: Projections;
  readonly #rules: ReaderSideRules;
  readonly #readers: Readers;
  readonly #announcer: DigestAnnouncer;

  constructor(
    ports: OriginPorts,
    timers: TimerRegistry,
    budget: EventBudget,
    logs: Logs,
    projections: Projections,
    rules: ReaderSideRules,
  ) {
    this.#ports = ports;
    this.#logs = new ReaderLogs(logs, projections);
    this.#projections = projections;
    this.#rules = rules;
    const setServeTimer: SetTimer = timers.own("serve", () => this.#readers.continueTurn());
    const setRoomTimer: SetTimer = timers.own("room", () => this.#makeRoom());
    this.#readers = new Readers(ports, budget, {
      maySend: () => rules.maySend(),
      canSweep: (log) => this.#canSweep(log),
      transaction: (work) => ports.store.transaction(work),
      yieldTurn: () => setServeTimer(0),
      needRoom: () => setRoomTimer(ROOM_MS),
    });
    this.#announcer = new DigestAnnouncer(ports, timers, () => this.#readers.sendCheckpoints());
  }

  #canSweep(log: ChannelLog): boolean {
    if (this.#logs.isEmpty(log)) return true;
    // fault: sweep-while-built
    if (!this.#projections.isBuilt(log)) return false;
    return this.#rules.hasReconciled(log.channel);
  }

  get size(): number {
    return this.#readers.size;
  }

  /** Bytes that readers were sent and have not acknowledged. */
  get inFlightBytes(): number {
    return this.#readers.inFlightBytes;
  }

  /** Approximate memory besides bytes in flight. */
  get bytes(): number {
    return this.#readers.bytes;
  }

  /** A socket that outlived an eviction of this object, with its note. */
  restore(socket: SocketId, peer: Peer, text: string, facts: OriginFacts | null): void {
    const note = parseReaderNote(text);
    const logs = facts === null ? null : this.#logs.of(peer, facts);
    if (note.kind === "unreadable")
      this.#rules.refuse(socket, "not-ready", `unreadable note: ${note.rule}`);
    else if (logs === null) this.#rules.refuse(socket, "not-ready", MOVED_RULE);
    else this.#readers.restore(socket, peer, logs, note.value);
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
    if (this.#readers.countOf(peer.clusterUid) >= LIMITS.relaysOfCluster) {
      this.#rules.refuse(socket, "over-quota", CROWD_RULE);
      return;
    }
    const logs = this.#logs.of(peer, facts);
    if (logs === null) {
      this.#rules.refuse(socket, "over-quota", OVERFULL_RULE);
      return;
    }
    this.#send(socket, {
      type: "watch-welcome",
      version,
      originUid: facts.cluster.uid,
      accessVersion: knownVersion(facts, hello),
    });
    const readable = readableChannels(peer, facts);
    const channels = hello.channels.filter((channel) => readable.includes(channel));
    this.#readers.admit(socket, peer, logs, { ...hello, channels }, version);
  }

  /** A reader's message. Answers whether it counts against its cluster's messages. [LOG23] */
  onMessage(socket: SocketId, message: Message): boolean {
    if (message.type === "repair") {
      if (areDisjoint(message.leaves))
        this.#readers.onRepair(socket, message.channel, message.leaves);
      else this.#rules.refuse(socket, "protocol-error", DISJOINT_RULE);
      return true;
    }
    if (message.type === "reader-ack")
      return this.#readers.onAck(socket, message) < BUDGETS.acknowledgedBytes;
    if (message.type === "ask-heads") {
      this.#readers.answerHeads(socket, message.token);
      return true;
    }
    const rule = `${message.type} does not belong on a watch socket`;
    this.#rules.refuse(socket, "protocol-error", rule);
    return true;
  }

  /** Closes readers that may not read any more, or not these logs. [VIS5] [SCP5] */
  enforce(facts: OriginFacts): void {
    const refused = this.#readers.peers().flatMap(({ socket, peer, logs }): Refused[] => {
      const permit = mayRead(peer, facts);
      if (permit !== "yes") return [{ socket, ...permit }];
      // fault: old-scope-served-on
      if (this.#logs.of(peer, facts) === logs) return [];
      return [{ socket, reason: "not-ready", message: MOVED_RULE }];
    });
    this.#refuse(refused);
  }

  /** Closes the readers of a projection that has become too large. [SCP7] */
  enforceRoom(facts: OriginFacts): void {
    const refused = this.#readers
      .peers()
      .filter(({ peer, logs }) => this.#logs.of(peer, facts) !== logs)
      .map(({ socket }): Refused => ({ socket, reason: "over-quota", message: OVERFULL_RULE }));
    this.#refuse(refused);
  }

  #refuse(refused: readonly Refused[]): void {
    this.#readers.drop(...refused.map(({ socket }) => socket));
    for (const { socket, reason, message } of refused) this.#rules.refuse(socket, reason, message);
  }

  /** Something was committed. */
  committed(): void {
    const isSent = this.#readers.pumpCommitted((log) => this.#announcer.countDigest(log));
    this.#announcer.onCommit(isSent);
  }

  /** These channels are known to be whole now: their digests are sent again. */
  becameWhole(channels: readonly Channel[] = CHANNELS): void {
    for (const channel of channels) this.#readers.forgetCheckpoints(channel);
    this.#readers.sendCheckpoints();
  }

  /** Anything may be sent now that could not before. */
  serveAll(): void {
    this.#readers.pumpAll();
  }

  /**
   * Closes readers that acknowledge nothing: they must not keep the others from the memory that
   * there is. They come back, and resume. [LOG9] [LOG25]
   */
  #makeRoom(): void {
    const message =
      "took nothing for a minute, or speaks a version that cannot prove it, and others wait for its room";
    const inTheWay = this.#readers.inTheWay();
    this.#refuse(inTheWay.map((socket): Refused => ({ socket, reason: "over-quota", message })));
    this.#readers.continueTurn();
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
function knownVersion(
  { accessVersion, unconfirmedRestore }: OriginFacts,
  hello: WatchHello,
): number {
  return unconfirmedRestore === undefined
    ? Math.max(accessVersion, hello.accessVersion)
    : accessVersion;
}
