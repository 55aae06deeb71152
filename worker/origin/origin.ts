/**
 * One member cluster's Origin: its log, who publishes, who reads, and what the Mesh has said of both. Every event is handled synchronously behind ports:
 * admitted, committed, fanned out and acknowledged inside its handler, so there is no uncommitted state and hibernation may come between any two events.
 */
import { admissionFacts } from "../../shared/admission/judge.ts";
import type { AdmissionFacts } from "../../shared/admission/judge.ts";
import { must } from "../../shared/lib/assert.ts";
import { areDisjoint } from "../../shared/log/partition.ts";
import { decodeMessage, encodeMessage } from "../../shared/protocol/codec.ts";
import type { CloseReason } from "../../shared/protocol/errors.ts";
import type { Message, WatchHello } from "../../shared/protocol/messages.ts";
import { pickVersion, PROTOCOL_VERSIONS } from "../../shared/protocol/version.ts";
import { CHANNELS } from "../../shared/record/channel.ts";
import type { Channel } from "../../shared/record/channel.ts";
import type {
  OriginFacts,
  OriginStatus,
  QuarantineEntry,
  RangeClaim,
} from "../../shared/visibility/facts.ts";
import { Announcer } from "./announcer.ts";
import { ChannelLog } from "./channel-log.ts";
import { HomeSide, LEAVES_RULE } from "./home-side.ts";
import { ACKNOWLEDGED_BYTES, MESSAGES_RULE, MessageQuota } from "./message-quota.ts";
import { Newcomers } from "./newcomers.ts";
import type { Hello } from "./newcomers.ts";
import { mayRead } from "./permits.ts";
import type { OriginPorts, Peer, SocketId, TimerName } from "./ports.ts";
import { Readers } from "./readers.ts";
import { PieceBudget } from "./small-frames.ts";
import { originStatus, quarantineEntries } from "./report.ts";

const PULL_RETRY_MS = 2_000;
/** Between two looks for readers that hold all the room and take nothing. */
const ROOM_MS = 5_000;
/** Rows of a removed cluster's log that one event forgets. */
const WIPE_ROWS = 40;
/** Leaves whose digests are made in one event. */
const DIGEST_LEAVES = 128;

export class Origin {
  readonly #ports: OriginPorts;
  readonly #logs = new Map<Channel, ChannelLog>();
  readonly #readers: Readers;
  readonly #home: HomeSide;
  readonly #announcer: Announcer;
  readonly #peers = new Map<SocketId, Peer>();
  readonly #newcomers = new Newcomers();
  readonly #quota: MessageQuota;
  #facts: OriginFacts | null;
  /** The Mesh has answered since this instance started: until then nothing is sent to any reader. [VIS4] */
  #isFactsFresh = false;

  constructor(ports: OriginPorts) {
    const { store } = ports;
    this.#ports = ports;
    this.#quota = new MessageQuota(ports.clock);
    this.#facts = store.facts();
    const pieces = new PieceBudget();
    store.transaction(() => {
      for (const channel of CHANNELS)
        this.#logs.set(
          channel,
          new ChannelLog(channel, store, pieces, () => newEpoch(ports.random)),
        );
    });
    this.#readers = new Readers(this.#logs, ports.sockets, {
      maySend: () => this.#isFactsFresh,
      canSweep: (channel) => this.#home.desk.hasReconciled(channel),
      transaction: (work) => store.transaction(work),
      yieldTurn: () => ports.setTimer("serve", 0),
      needRoom: () => ports.setTimer("room", ROOM_MS),
      now: () => ports.clock.now(),
    });
    this.#announcer = new Announcer(ports, () => this.#readers.sendCheckpoints());
    this.#home = new HomeSide(ports, this.#logs, admissionOf(this.#facts), {
      refuse: (socket, reason, message) => this.#refuse(socket, reason, message),
      committed: () => this.#committed(),
      reconciled: (channels) => {
        for (const channel of channels) this.#readers.forgetCheckpoints(channel);
        this.#readers.sendCheckpoints();
      },
      readerCount: () => this.#readers.size,
    });
  }

  /** Reads the logs, in parts; see `ChannelLog.load`. Before its end no event may come. */
  *load(): Generator<number, void> {
    if (this.#facts?.removed === true) this.#ports.setTimer("wipe", 0);
    else for (const log of this.#logs.values()) yield* log.load();
  }

  /** A socket that the Worker has authenticated. */
  onOpen(socket: SocketId, peer: Peer): void {
    this.#closeSilent();
    this.#newcomers.opened(socket, this.#ports.clock.now());
    this.#know(socket, peer);
  }

  #know(socket: SocketId, peer: Peer): void {
    this.#peers.set(socket, peer);
    if (!this.#isFactsFresh) this.#ports.mesh.pullFacts();
  }

  /** A socket that outlived the eviction of this object, with the note it was given. */
  onRestore(socket: SocketId, peer: Peer, note: string): void {
    this.#know(socket, peer);
    if (note === "") return;
    if (peer.role === "home") this.#home.desk.restore(socket, peer, note);
    else this.#readers.restore(socket, peer, note);
  }

  onClose(socket: SocketId): void {
    this.#readers.newEvent();
    this.#forget(socket);
  }

  #forget(socket: SocketId): void {
    this.#peers.delete(socket);
    this.#newcomers.forget(socket);
    this.#readers.drop(socket);
    this.#home.onClose(socket);
    this.#promote();
  }

  /** Where nobody publishes any more, a relay that stands by does. [VIS30] */
  #promote(): void {
    if (this.#facts === null || this.#facts.removed || !this.#isFactsFresh) return;
    this.#home.promote(this.#facts);
  }

  onMessage(socket: SocketId, data: Uint8Array): void {
    const peer = this.#peers.get(socket);
    if (peer === undefined) return;
    this.#newcomers.spoke(socket);
    this.#closeSilent();
    if (!this.#quota.take(peer.clusterUid)) {
      this.#refuse(socket, "over-quota", MESSAGES_RULE);
      return;
    }
    const decoded = decodeMessage(data);
    if (!decoded.ok) {
      this.#refuse(
        socket,
        decoded.rule.includes("limit") ? "too-large" : "protocol-error",
        decoded.rule,
      );
      return;
    }
    const { message } = decoded;
    // Frames have quotas of their own.
    if (message.type === "publish") this.#quota.giveBack(peer.clusterUid);
    this.#readers.newEvent();
    if (message.type === "watch-hello" || message.type === "home-hello")
      this.#onHello(socket, peer, message, false);
    else if (peer.role === "home") this.#home.onMessage(socket, message);
    else this.#onReaderMessage(socket, peer, message);
  }

  onTimer(name: TimerName): void {
    // What was to be done with the log of a removed cluster must not bring any of it back. [VIS7]
    if (this.#facts?.removed === true) {
      if (name === "wipe") this.#wipe();
      return;
    }
    this.#readers.newEvent();
    switch (name) {
      case "checkpoint":
        this.#announcer.onTimer();
        return;
      case "room":
        this.#makeRoom();
        return;
      case "serve":
        this.#readers.serveOn();
        return;
      case "commit":
      case "fold":
      case "rejudge":
        this.#home.onTimer(name);
        return;
      case "pull":
        if (!this.#isFactsFresh) this.#ports.mesh.pullFacts();
        return;
      case "home":
        this.#onHomeTimer();
        return;
      case "wipe":
    }
  }

  /** Who publishes next, or wants to, waits for the digests; who publishes, for an answer. */
  #onHomeTimer(): void {
    if (this.#isFactsFresh) this.#greet("home-hello");
    this.#promote();
    this.#home.answerOn();
  }

  /** Its log is not read any more: a large one is forgotten in parts. [VIS7] */
  #wipe(): void {
    const { store } = this.#ports;
    const wiped = store.transaction(() => store.wipeLog(WIPE_ROWS));
    if (wiped === WIPE_ROWS) this.#ports.setTimer("wipe", 0);
  }

  onPullFailed(message: string): void {
    this.#ports.log("warn", "cannot read access facts from the mesh; readers wait", {
      error: message,
    });
    this.#ports.setTimer("pull", PULL_RETRY_MS);
  }

  onClaimFailed(claims: readonly RangeClaim[], message: string): void {
    this.#ports.log("warn", "cannot claim ranges in the mesh", { error: message });
    this.#home.onClaimFailed(claims);
  }

  /**
   * Facts that the Mesh has pushed. Older ones change nothing. Answers the version it holds now. [VIS3] They may be old when they come, so they
   * are no reason to send anything that waits for the Mesh. [VIS4]
   */
  onFacts(facts: OriginFacts): number {
    this.#learn(facts, false);
    return must(this.#facts, "facts that were taken").accessVersion;
  }

  /** Facts that this instance has asked for: no older than the question, even where newer ones were pushed meanwhile. */
  onAnswer(facts: OriginFacts): void {
    this.#learn(facts, true);
  }

  #learn(facts: OriginFacts, isAnswer: boolean): void {
    this.#readers.newEvent();
    const known = this.#facts;
    if (known !== null && known.meshId !== facts.meshId) return;
    const isNew = known === null || facts.accessVersion > known.accessVersion;
    if (isNew) this.#take(facts);
    const current = isNew ? facts : known;
    const mustAskAgain = isAnswer && !this.#isFactsFresh && this.#wasInterrupted(current);
    if (isAnswer) this.#beginToSend();
    if (isNew && !current.removed) this.#home.sendAccess(current);
    if ((isNew || mustAskAgain) && !current.removed)
      this.#home.setAdmission(admissionOf(current), current.accessVersion);
    this.#readers.pumpAll();
  }

  /** What was asked of the Mesh before an eviction or a crash was never answered to this instance, or what was refused was not all judged again. [LOG14] */
  #wasInterrupted({ accessVersion }: OriginFacts): boolean {
    const { store } = this.#ports;
    const isRefused = [...this.#logs.values()].some((log) => log.received.refused > 0);
    return store.hasPendingClaims() || (isRefused && store.judgedVersion() !== accessVersion);
  }

  #beginToSend(): void {
    this.#isFactsFresh = true;
    this.#greet();
    this.#promote();
  }

  /** Those who wait, or those of one kind. The Mesh has answered since they came. */
  #greet(type?: Hello["type"]): void {
    for (const [socket, hello] of this.#newcomers.take(type)) {
      const peer = this.#peers.get(socket);
      if (peer !== undefined) this.#onHello(socket, peer, hello, true);
    }
  }

  /** Bytes that readers were sent and have not acknowledged. */
  get inFlightBytes(): number {
    return this.#readers.inFlightBytes;
  }

  /** What it needs of memory, about, besides what is in flight: its own ledger, of at most 64 MB with 500,000 endpoints. */
  get ledgerBytes(): number {
    return [...this.#logs.values()].reduce((sum, log) => sum + log.bytes, this.#readers.bytes);
  }

  status(): OriginStatus {
    return originStatus(must(this.#facts, "status before facts"), this.#logs, this.#home.desk);
  }

  /** Makes some of the digests that `status` tells, and answers whether all are known: of a large log that has changed much they are made in parts. [LOG18] */
  refreshDigests(): boolean {
    return [...this.#logs.values()].every((log) => log.admitted.refresh(DIGEST_LEAVES));
  }

  quarantine(limit: number): QuarantineEntry[] {
    return quarantineEntries(
      must(this.#facts, "quarantine before facts"),
      this.#ports.store,
      limit,
    );
  }

  /** Readers that take nothing must not keep the others from what there is: they come back, and go on from what they have. [LOG9] */
  #makeRoom(): void {
    const stalled = this.#readers.stalled();
    this.#readers.drop(...stalled);
    for (const socket of stalled)
      this.#refuse(socket, "over-quota", "took nothing for a minute, and others wait for its room");
    this.#readers.serveOn();
  }

  /** Committed first, then enforced: revoked means from here on. [VIS5] */
  #take(facts: OriginFacts): void {
    const { store } = this.#ports;
    store.transaction(() => store.saveFacts(facts));
    this.#facts = facts;
    if (facts.removed) this.#ports.setTimer("wipe", 0);
    const revoked = this.#readers.peers().flatMap(({ socket, peer }) => {
      const permit = mayRead(peer, facts);
      return permit === "yes" ? [] : [{ socket, ...permit }];
    });
    this.#readers.drop(...revoked.map(({ socket }) => socket));
    for (const { socket, reason, message } of revoked) this.#refuse(socket, reason, message);
    for (const { socket, reason, message } of this.#home.desk.objections(facts))
      this.#refuse(socket, reason, message);
  }

  /** @param hasAsked The Mesh was asked because of this very hello: what it knows is the newest there is. */
  #onHello(socket: SocketId, peer: Peer, hello: Hello, hasAsked: boolean): void {
    if ((hello.type === "home-hello") !== (peer.role === "home")) {
      this.#refuse(socket, "protocol-error", `${hello.type} does not fit the ${peer.role} socket`);
      return;
    }
    const isBehind = hello.accessVersion > (this.#facts?.accessVersion ?? 0);
    if (!hasAsked && (isBehind || !this.#isFactsFresh)) {
      if (isBehind) this.#isFactsFresh = false;
      this.#newcomers.wait(socket, hello);
      this.#ports.mesh.pullFacts();
      return;
    }
    const version = pickVersion(hello.versions);
    if (version === null) {
      this.#refuse(
        socket,
        "version-mismatch",
        `this hub speaks protocol ${PROTOCOL_VERSIONS.join(", ")}`,
      );
      return;
    }
    const facts = must(this.#facts, "fresh facts");
    if (hello.type === "home-hello" && !this.#home.isReady) this.#newcomers.wait(socket, hello);
    else if (hello.type === "home-hello") this.#home.welcome(socket, peer, hello, version, facts);
    else this.#onWatchHello(socket, peer, hello, version, facts);
  }

  #onWatchHello(
    socket: SocketId,
    peer: Peer,
    hello: WatchHello,
    version: number,
    facts: OriginFacts,
  ): void {
    const permit = mayRead(peer, facts);
    if (permit !== "yes") {
      this.#refuse(socket, permit.reason, permit.message);
      return;
    }
    if (this.#readers.has(socket)) {
      this.#refuse(socket, "protocol-error", "a second hello");
      return;
    }
    const { accessVersion, cluster } = facts;
    this.#send(socket, { type: "watch-welcome", version, originUid: cluster.uid, accessVersion });
    this.#readers.admit(socket, peer, hello, version);
  }

  #onReaderMessage(socket: SocketId, { clusterUid }: Peer, message: Message): void {
    if (!this.#readers.has(socket)) {
      // While the hello waits for the Mesh nothing was sent that could be answered.
      if (!this.#newcomers.isWaiting(socket))
        this.#refuse(socket, "protocol-error", `${message.type} before the hello`);
      return;
    }
    if (message.type === "repair") {
      if (areDisjoint(message.leaves))
        this.#readers.onRepair(socket, message.channel, message.leaves);
      else this.#refuse(socket, "protocol-error", LEAVES_RULE);
    } else if (message.type === "reader-ack") {
      if (this.#readers.onAck(socket, message) >= ACKNOWLEDGED_BYTES)
        this.#quota.giveBack(clusterUid);
    } else
      this.#refuse(socket, "protocol-error", `${message.type} does not belong on a watch socket`);
  }

  #committed(): void {
    if (this.#announcer.onCommit()) this.#readers.pumpSettled();
    else this.#readers.pumpAll();
  }

  /** With the next event, not by a timer: a timer would keep the object from sleeping, and a silent socket costs it nothing. [PRO5] */
  #closeSilent(): void {
    for (const socket of this.#newcomers.overdue(this.#ports.clock.now()))
      this.#refuse(socket, "hello-timeout", "no hello within 10 s");
  }

  #send(socket: SocketId, message: Message): void {
    this.#ports.sockets.send(socket, encodeMessage(message));
  }

  #refuse(socket: SocketId, reason: CloseReason, message: string): void {
    this.#ports.sockets.close(socket, reason, message);
    this.#forget(socket);
  }
}

function admissionOf(facts: OriginFacts | null): AdmissionFacts {
  return admissionFacts(facts?.ranges ?? { pods: [], nodes: [] }, facts?.refusedClaims ?? []);
}

function newEpoch(random: () => number): string {
  return Array.from({ length: 16 }, () => Math.floor(random() * 16).toString(16)).join("");
}
