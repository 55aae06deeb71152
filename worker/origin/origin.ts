/**
 * One member cluster's Origin: its log, who publishes, who reads, and what the Mesh has said of both. Every event is handled synchronously behind ports:
 * admitted, committed, fanned out and acknowledged inside its handler, so there is no uncommitted state and hibernation may come between any two events.
 */
import { admissionFacts, narrows } from "../../shared/admission/judge.ts";
import type { AdmissionFacts } from "../../shared/admission/judge.ts";
import { must } from "../../shared/lib/assert.ts";
import { decodeMessage } from "../../shared/protocol/codec.ts";
import type { CloseReason } from "../../shared/protocol/errors.ts";
import { PING_TEXT } from "../../shared/protocol/messages.ts";
import type { Message } from "../../shared/protocol/messages.ts";
import { pickVersion, PROTOCOL_VERSIONS } from "../../shared/protocol/version.ts";
import type {
  OriginFacts,
  OriginStatus,
  PinnedRanges,
  QuarantineEntry,
  RangeClaim,
} from "../../shared/visibility/facts.ts";
import type { Dial, DialPermit } from "../ports.ts";
import type { ChannelLog } from "./log/channel-log.ts";
import { MessageGate } from "./budgets/message-gate.ts";
import { PublisherSide } from "./publisher/publisher-side.ts";
import { PendingSockets } from "./access/pending-sockets.ts";
import type { Hello } from "./access/pending-sockets.ts";
import { keyPermit, mayDial } from "./access/permits.ts";
import { MeshNotes } from "./access/mesh-notes.ts";
import type { OriginPorts, Peer, SocketId, TimerName } from "./ports.ts";
import { logsIn } from "./scopes/projection.ts";
import type { Logs } from "./scopes/projection.ts";
import { Projections } from "./scopes/projections.ts";
import { ReaderSide } from "./readers/reader-side.ts";
import { refusedBy } from "./publisher/review-admitted.ts";
import { PieceBudget } from "./log/small-frames.ts";
import { originStatus, quarantineEntries } from "./origin-status.ts";

const PULL_RETRY_MS = 2_000;
/** Between two steps of building a projection: others have their turns, and more of them where they are at work. */
const PROJECT_MS = 2;
const SHARED_PROJECT_MS = 10;
/** Rows of a removed cluster's log that one event forgets. */
const WIPE_ROWS = 40;
/** Leaves whose digests are made in one event. */
const DIGEST_LEAVES = 128;

export class Origin {
  readonly #ports: OriginPorts;
  readonly #logs: Logs;
  readonly #projections: Projections;
  readonly #readers: ReaderSide;
  readonly #home: PublisherSide;
  readonly #notes: MeshNotes;
  readonly #peers = new Map<SocketId, Peer>();
  readonly #newcomers = new PendingSockets();
  readonly #door: MessageGate;
  #facts: OriginFacts | null;
  /** The Mesh has answered since this instance started: until then nothing is sent to any reader. [VIS4] */
  #isFactsFresh = false;

  constructor(ports: OriginPorts) {
    const { store } = ports;
    this.#ports = ports;
    this.#door = new MessageGate(ports);
    this.#facts = store.facts();
    const pieces = new PieceBudget();
    const epoch = (): string => newEpoch(ports.random);
    this.#logs = store.transaction(() => logsIn(store, pieces, epoch));
    this.#projections = new Projections(store, this.#logs, pieces, epoch);
    this.#readers = new ReaderSide(ports, this.#logs, this.#projections, {
      refuse: (socket, reason, message) => this.#refuse(socket, reason, message),
      maySend: () => this.#isFactsFresh,
      hasReconciled: (channel) => this.#home.desk.hasReconciled(channel),
    });
    const admission = admissionOf(this.#facts);
    this.#home = new PublisherSide(ports, this.#logs, this.#projections, admission, {
      refuse: (socket, reason, message) => this.#refuse(socket, reason, message),
      committed: () => this.#committed(),
      reconciled: (channels) => this.#readers.becameWhole(channels),
      readerCount: () => this.#readers.size,
      reported: () => this.#notes.look(),
      released: (channel) => {
        if (channel === "pools") this.#notes.look();
      },
    });
    this.#notes = new MeshNotes(ports, must(this.#logs.get("pools"), "channel").received);
  }

  /** Reads the logs, in parts; see `ChannelLog.load`. Before its end no event may come. */
  *load(): Generator<number, void> {
    if (this.#facts?.removed === true) {
      this.#ports.setTimer("wipe", 0);
      return;
    }
    for (const log of this.#logs.values()) yield* log.load();
    yield* this.#projections.load();
    this.#projectSoon();
  }

  /** A socket that the Worker has authenticated. */
  onOpen(socket: SocketId, peer: Peer): void {
    this.closeSilent();
    this.#newcomers.opened(socket, this.#ports.clock.now());
    this.#know(socket, peer);
    if (peer.role === "home") this.#notes.onKey(peer.keyGeneration, this.#facts);
    // What only a newer credential could change: who waits for nothing holds nothing.
    const permit = this.#isFactsFresh ? keyPermit(peer, this.#facts) : null;
    if (permit !== null) this.#refuse(socket, permit.reason, permit.message);
  }

  /** See `OriginCalls.mayDial`. */
  mayDial(dial: Pick<Dial, "originUid" | "keyGeneration">): DialPermit {
    return mayDial(this.#facts, dial, this.#isFactsFresh);
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
    else this.#readers.restore(socket, peer, note, this.#facts);
  }

  onClose(socket: SocketId): void {
    this.#readers.newEvent();
    this.#forget(socket);
    // Not when it was closed: until then the process holds what it was to be sent.
    this.#ports.room.gone(socket);
  }

  #forget(socket: SocketId): void {
    this.#peers.delete(socket);
    this.#newcomers.forget(socket);
    this.#door.forget(socket);
    this.#readers.drop(socket);
    this.#home.onClose(socket);
    this.#promote();
  }

  /** Where nobody publishes any more, a relay that stands by does. [VIS30] */
  #promote(): void {
    if (this.#facts === null || this.#facts.removed || !this.#isFactsFresh) return;
    this.#home.promote(this.#facts);
  }

  /**
   * Heartbeats are answered before they come here; one that came before that was set is let pass.
   * Nothing else is text. [PRO9]
   */
  onText(socket: SocketId, text: string): void {
    const peer = this.#peers.get(socket);
    if (peer === undefined) return;
    const rule = this.#door.textComes(peer.clusterUid);
    if (text !== PING_TEXT) this.#refuse(socket, "protocol-error", "a text that is no heartbeat");
    else if (rule !== null) this.#refuse(socket, "over-quota", rule);
  }

  onMessage(socket: SocketId, data: Uint8Array): void {
    const peer = this.#peers.get(socket);
    if (peer === undefined) return;
    this.#newcomers.spoke(socket);
    this.closeSilent();
    const passage = this.#door.comes(socket, peer.clusterUid, data);
    if (passage === "now") this.#handle(socket, peer, data);
    else if (passage !== "later") this.#refuse(socket, "over-quota", passage.rule);
  }

  #onHeldTimer(): void {
    const next = this.#door.next();
    const peer = next === null ? undefined : this.#peers.get(next[0]);
    if (next !== null && peer !== undefined) this.#handle(next[0], peer, next[1]);
  }

  #handle(socket: SocketId, peer: Peer, data: Uint8Array): void {
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
    if (message.type === "publish") this.#door.doesNotCount(peer.clusterUid, "publish");
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
      case "held":
        this.#onHeldTimer();
        return;
      case "checkpoint":
      case "room":
      case "serve":
        this.#readers.onTimer(name);
        return;
      case "project":
        this.#project();
        return;
      case "claim":
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
      case "note":
        if (this.#facts !== null) this.#notes.onTimer(this.#facts, this.#home.desk.report);
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

  /**
   * The Mesh has answered that it knows no such cluster: it was restored to a time before it, or
   * the cluster's removal is long ago. Who is here comes again later, and is a reason to ask again;
   * nothing else is. [CRE16]
   */
  onUnknown(): void {
    this.#ports.log("warn", "the mesh does not know this cluster; its sockets are closed", {});
    for (const socket of this.#peers.keys())
      this.#refuse(socket, "not-ready", "the mesh does not know this cluster");
  }

  onClaimFailed(claims: readonly RangeClaim[], message: string): void {
    this.#ports.log("warn", "cannot claim ranges in the mesh", { error: message });
    this.#home.onClaimFailed(claims);
  }

  onNoteFailed(message: string): void {
    this.#ports.log("warn", "cannot tell the mesh of this cluster's pools", { error: message });
    this.#notes.onFailed();
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
    const isNew = known === null || isNewer(facts, known);
    if (isNew) this.#take(facts);
    const current = isNew ? facts : known;
    const mustAskAgain = isAnswer && !this.#isFactsFresh && this.#wasInterrupted(current);
    if (isAnswer) this.#beginToSend();
    if (isNew && !current.removed) this.#home.sendAccess(current);
    if ((isNew || mustAskAgain) && !current.removed)
      this.#home.setAdmission(admissionOf(current), current.accessVersion);
    if (isNew && !current.removed) this.#notes.look();
    this.#readers.serveAll();
    this.#projectSoon();
  }

  /** What was asked of the Mesh before an eviction or a crash was never answered to this instance, or what was refused was not all judged again. [LOG14] */
  #wasInterrupted({ accessVersion }: OriginFacts): boolean {
    const { store } = this.#ports;
    const isRefused = [...this.#logs.values()].some((log) => log.received.refused > 0);
    if (store.mustReview()) return true;
    return store.hasPendingClaims() || (isRefused && store.judgedVersion() !== accessVersion);
  }

  #beginToSend(): void {
    this.#isFactsFresh = true;
    this.#notes.look();
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
    return this.#allLogs().reduce((sum, log) => sum + log.bytes, this.#readers.bytes);
  }

  status(): OriginStatus {
    const facts = must(this.#facts, "status before facts");
    const { store } = this.#ports;
    return originStatus(facts, this.#logs, this.#projections, this.#home.desk, store);
  }

  /** Of what is admitted now, some that these ranges would refuse. Yields often. */
  refusedBy(ranges: PinnedRanges, most: number): ReturnType<typeof refusedBy> {
    return refusedBy(this.#logs, admissionFacts(ranges, []), most);
  }

  /** Makes some of the digests that `status` tells, and answers whether all are known: of a large log that has changed much they are made in parts. [LOG18] */
  refreshDigests(): boolean {
    return this.#allLogs().every((log) => log.admitted.refresh(DIGEST_LEAVES));
  }

  #allLogs(): ChannelLog[] {
    return [...this.#logs.values(), ...this.#projections.logs()];
  }

  quarantine(limit: number): QuarantineEntry[] {
    return quarantineEntries(
      must(this.#facts, "quarantine before facts"),
      this.#ports.store,
      limit,
    );
  }

  /** Committed first, then enforced: revoked means from here on. [VIS5] */
  #take(facts: OriginFacts): void {
    const { store } = this.#ports;
    const isNarrower = !facts.removed && narrows(this.#facts?.ranges, facts.ranges);
    store.transaction(() => {
      store.saveFacts(facts);
      if (isNarrower) store.saveMustReview(true);
      if (!facts.removed) this.#projections.setScopes(facts);
    });
    this.#facts = facts;
    if (facts.removed) this.#ports.setTimer("wipe", 0);
    this.#readers.enforce(facts);
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
    else this.#readers.welcome(socket, peer, hello, version, facts);
  }

  #onReaderMessage(socket: SocketId, { clusterUid }: Peer, message: Message): void {
    if (this.#readers.has(socket)) {
      const counts = this.#readers.onMessage(socket, message);
      if (!counts) this.#door.doesNotCount(clusterUid, message.type);
      return;
    }
    // While the hello waits for the Mesh nothing was sent that could be answered.
    if (!this.#newcomers.isWaiting(socket))
      this.#refuse(socket, "protocol-error", `${message.type} before the hello`);
  }

  #committed(): void {
    this.#readers.committed();
    if (this.#facts !== null && this.#projections.hasGivenWay) this.#giveWay(this.#facts);
  }

  /** A projection grew too large: its readers hear why, and its rows are forgotten. [SCP7] */
  #giveWay(facts: OriginFacts): void {
    this.#projections.hasGivenWay = false;
    this.#readers.enforceRoom(facts);
    this.#projectSoon();
  }

  /** Builds, or forgets, a projection; some of it in each event. [SCP6] */
  #project(): void {
    const came = this.#projections.step();
    if (came !== "nothing") this.#home.committed();
    if (came === "built") this.#readers.becameWhole();
    this.#projectSoon();
  }

  #projectSoon(): void {
    if (!this.#projections.hasWork) return;
    this.#ports.setTimer("project", this.#ports.isShared() ? SHARED_PROJECT_MS : PROJECT_MS);
  }

  /** Answers how many sockets are still to say hello. [PRO5] */
  closeSilent(): number {
    for (const socket of this.#newcomers.overdue(this.#ports.clock.now()))
      this.#refuse(socket, "hello-timeout", "no hello within 10 s");
    return this.#newcomers.silent;
  }

  #refuse(socket: SocketId, reason: CloseReason, message: string): void {
    const peer = this.#peers.get(socket);
    const isBroken = reason === "protocol-error" || reason === "too-large";
    if (isBroken && peer !== undefined) this.#door.broke(peer.clusterUid);
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

/** That the hub was restored is said under the number that the facts had before. [BAK4] */
function isNewer(facts: OriginFacts, known: OriginFacts): boolean {
  return facts.accessVersion === known.accessVersion
    ? facts.unconfirmedRestore !== known.unconfirmedRestore
    : facts.accessVersion > known.accessVersion;
}
