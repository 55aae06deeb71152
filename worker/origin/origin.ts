/**
 * One member cluster's Origin: its log, its publisher, its readers, and the Mesh's facts of them.
 * Every event is handled synchronously behind ports: admitted, committed, fanned out and
 * acknowledged inside its handler, so there is no uncommitted state and hibernation may come
 * between any two events. All events, and all questions, come in through one door.
 */
import { must } from "../../shared/lib/assert.ts";
import type { OriginFacts, RangeClaim } from "../../shared/visibility/facts.ts";
import type { OriginStatus, QuarantineEntry } from "../../shared/visibility/origin-status.ts";
import type { Dial, DialPermit } from "../ports.ts";
import { KnownFacts } from "./access/known-facts.ts";
import { mayDial } from "./access/permits.ts";
import { EventBudget } from "./budgets/event-budget.ts";
import { BUDGETS } from "./budgets/limits.ts";
import { EventDoor } from "./event-door.ts";
import type { ChannelLog } from "./log/channel-log.ts";
import { listLogs, logsIn } from "./log/channel-logs.ts";
import type { Logs } from "./log/channel-logs.ts";
import { PieceBudget } from "./log/small-frames.ts";
import { admissionOf, MeshSide } from "./mesh-side.ts";
import { OriginSockets } from "./origin-sockets.ts";
import { originStatus, quarantineEntries } from "./origin-status.ts";
import type { Peer, SocketId } from "./peer.ts";
import type { OriginPorts } from "./ports.ts";
import { PublisherSide } from "./publisher/publisher-side.ts";
import { ReaderSide } from "./readers/reader-side.ts";
import { ProjectionBuilder } from "./scopes/projection-builder.ts";
import { Projections } from "./scopes/projections.ts";
import { Timers } from "./timers.ts";
import type { TimerName } from "./timers.ts";

export class Origin {
  readonly #ports: OriginPorts;
  readonly #budget = new EventBudget();
  readonly #door: EventDoor;
  readonly #timers: Timers;
  readonly #known: KnownFacts;
  readonly #logs: Logs;
  readonly #projections: Projections;
  readonly #builder: ProjectionBuilder;
  readonly #sockets: OriginSockets;
  readonly #readers: ReaderSide;
  readonly #publisher: PublisherSide;
  readonly #mesh: MeshSide;

  constructor(ports: OriginPorts) {
    const { store } = ports;
    this.#ports = ports;
    this.#door = new EventDoor(this.#budget, {
      giveUp: (event, error) => ports.giveUp(event, error),
      ended: () => this.#mesh.eventEnded(),
    });
    this.#timers = new Timers((name, delayMs) => ports.setTimer(name, delayMs));
    const known = new KnownFacts(store.facts());
    this.#known = known;
    const pieces = new PieceBudget();
    const epoch = (): string => newEpoch(ports.random);
    const logs = store.transaction(() => logsIn(store, pieces, epoch));
    this.#logs = logs;
    const projections = new Projections(store, logs, pieces, epoch);
    this.#projections = projections;
    const sockets = new OriginSockets(ports, this.#timers, known, {
      publisher: () => this.#publisher,
      readers: () => this.#readers,
    });
    this.#sockets = sockets;
    const readers = this.#makeReaders();
    this.#readers = readers;
    const publisher = this.#makePublisher();
    this.#publisher = publisher;
    const builder = new ProjectionBuilder(projections, this.#timers, {
      isShared: () => ports.isShared(),
      committed: () => publisher.committed(),
      built: () => readers.becameWhole(),
    });
    this.#builder = builder;
    const parts = { known, logs, projections, builder, readers, publisher, sockets };
    this.#mesh = new MeshSide(ports, this.#timers, parts);
  }

  #makeReaders(): ReaderSide {
    const [timers, budget] = [this.#timers, this.#budget];
    return new ReaderSide(this.#ports, timers, budget, this.#logs, this.#projections, {
      refuse: (socket, reason, message) => this.#sockets.refuse(socket, reason, message),
      maySend: () => this.#known.isFresh,
      hasReconciled: (channel) => this.#publisher.sockets.hasReconciled(channel),
    });
  }

  #makePublisher(): PublisherSide {
    const [timers, admission] = [this.#timers, admissionOf(this.#known.facts)];
    return new PublisherSide(this.#ports, timers, this.#logs, this.#projections, admission, {
      refuse: (socket, reason, message) => this.#sockets.refuse(socket, reason, message),
      committed: () => this.#committed(),
      reconciled: (channels) => this.#mesh.reconciled(channels),
      retryHellos: () => this.#sockets.retryPublishers(),
      readerCount: () => this.#readers.size,
      reported: (isPublisher) => this.#mesh.reported(isPublisher),
      released: (channel) => {
        if (channel === "pools") this.#mesh.notes.compareSoon();
      },
    });
  }

  /** Reads the logs, in steps; see `ChannelLog.load`. No event may come before its end. */
  *load(): Generator<number, void> {
    if (this.#known.isRemoved) {
      this.#mesh.wipeSoon();
      return;
    }
    for (const log of listLogs(this.#logs)) yield* log.load();
    yield* this.#projections.load();
    this.#builder.stepSoon();
  }

  /** A socket that the Worker has authenticated. */
  onOpen(socket: SocketId, peer: Peer): void {
    this.#door.run("open", () => {
      this.#sockets.closeEnded();
      this.#sockets.open(socket, peer);
      this.#mesh.pullUnlessFresh();
      if (peer.role === "home") this.#mesh.notes.onKey(peer.keyGeneration);
      this.#sockets.checkKey(socket, peer);
    });
  }

  /** A socket that outlived the eviction of this object, with its note. */
  onRestore(socket: SocketId, peer: Peer, note: string): void {
    this.#door.run("restore", () => {
      this.#mesh.pullUnlessFresh();
      this.#sockets.restore(socket, peer, note);
    });
  }

  onClose(socket: SocketId): void {
    this.#door.run("close", () => {
      this.#sockets.forget(socket);
      this.#mesh.health.lookSoon();
      // Not when it was closed: until then the process holds the bytes that it was to be sent.
      this.#ports.readerMemory.release(socket);
    });
  }

  onText(socket: SocketId, text: string): void {
    this.#door.run("text", () => this.#sockets.onText(socket, text));
  }

  onMessage(socket: SocketId, data: Uint8Array): void {
    this.#door.run("message", () => {
      this.#sockets.closeEnded();
      this.#sockets.onMessage(socket, data);
    });
  }

  /** Closes sockets that have sent no hello in time. [PRO5] */
  closeSilent(): void {
    this.#door.run("silence", () => this.#sockets.closeSilent());
  }

  /** Sockets that may still say hello. */
  get silentCount(): number {
    return this.#sockets.silentCount;
  }

  onTimer(name: TimerName): void {
    // Work that was due for the log of a removed cluster must not bring any of it back. [VIS7]
    if (this.#known.isRemoved && name !== "wipe") return;
    this.#door.run(`timer ${name}`, () => {
      this.#sockets.closeEnded();
      this.#timers.run(name);
    });
  }

  onPullFailed(error: string): void {
    this.#door.run("pull failed", () => this.#mesh.onPullFailed(error));
  }

  /**
   * The Mesh has answered that it knows no such cluster: it was restored to a time before it, or
   * the cluster's removal is long ago. Its peers come again later, and are a reason to ask again;
   * nothing else is. [CRE16]
   */
  onUnknown(): void {
    this.#door.run("unknown", () => this.#mesh.onUnknown());
  }

  onClaimFailed(claims: readonly RangeClaim[], error: string): void {
    this.#door.run("claim failed", () => this.#mesh.onClaimFailed(claims, error));
  }

  onNoteFailed(error: string): void {
    this.#door.run("note failed", () => this.#mesh.onNoteFailed(error));
  }

  onHealth(what: "failed" | "alarm"): void {
    this.#door.run(`health ${what}`, () => this.#mesh.health.on(what));
  }

  /**
   * Facts that the Mesh has pushed. Older ones change nothing. Answers the version that is held
   * now. [VIS3] They may be old when they come, so they are no reason to send anything that waits
   * for the Mesh. [VIS4]
   */
  onFacts(facts: OriginFacts): number {
    return this.#door.run("facts", () => {
      // fault: push-counts-as-answer
      this.#mesh.learn(facts, false);
      return must(this.#known.facts, "facts after a push").accessVersion;
    });
  }

  /**
   * Facts that this instance has asked for: no older than the question, even where newer ones were
   * pushed meanwhile.
   */
  onAnswer(facts: OriginFacts): void {
    this.#door.run("answer", () => this.#mesh.learn(facts, true));
  }

  keyPermit(peer: Peer): DialPermit {
    return this.#door.run("dial", () => this.#sockets.keyPermit(peer)?.reason ?? "yes");
  }

  /** Of whoever dials another origin; see `OriginCalls`. */
  mayDial(dial: Pick<Dial, "originUid" | "keyGeneration">): DialPermit {
    return this.#door.run("dial", () => mayDial(this.#known.facts, dial, this.#known.isFresh));
  }

  /** @throws Error before the Mesh has sent any facts: the Origin counts as unknown. [API5] */
  status(): OriginStatus {
    const facts = this.#requireFacts();
    const { sockets } = this.#publisher;
    return this.#door.run("status", () =>
      originStatus(facts, this.#logs, this.#projections, sockets, this.#ports.store),
    );
  }

  /** @throws Error before the Mesh has sent any facts. */
  quarantine(limit: number): QuarantineEntry[] {
    const facts = this.#requireFacts();
    return this.#door.run("quarantine", () => quarantineEntries(facts, this.#ports.store, limit));
  }

  /** Outside the door: it is no failure of the instance that the Mesh could not be asked. */
  #requireFacts(): OriginFacts {
    const { facts } = this.#known;
    if (facts === null) throw new Error("the mesh has not sent this origin any facts yet");
    return facts;
  }

  /** Reads the logs step by step: each step is an event, and others come between two. */
  *read<T>(search: (logs: Logs) => Generator<void, T>): Generator<void, T> {
    const steps = search(this.#logs);
    for (;;) {
      const step = this.#door.run("search", () => steps.next());
      if (step.done === true) return step.value;
      yield;
    }
  }

  /**
   * Computes some of the digests in `status`, and answers whether all are known: those of a large
   * log that has changed much are computed in steps. [LOG18]
   */
  refreshDigests(): boolean {
    return this.#door.run("digests", () =>
      this.#allLogs().every((log) => log.admitted.refresh(BUDGETS.eventDigestLeaves)),
    );
  }

  /** Bytes that readers were sent and have not acknowledged. */
  get inFlightBytes(): number {
    return this.#readers.inFlightBytes;
  }

  /**
   * Approximate memory besides bytes in flight: its own ledger, of at most 64 MB with 500,000
   * endpoints.
   */
  get ledgerBytes(): number {
    return this.#allLogs().reduce((sum, log) => sum + log.bytes, this.#readers.bytes);
  }

  #allLogs(): ChannelLog[] {
    return [...listLogs(this.#logs), ...this.#projections.logs()];
  }

  #committed(): void {
    this.#readers.committed();
    const { facts } = this.#known;
    // A projection grew too large: its readers are told why, and its rows are forgotten. [SCP7]
    if (facts === null || !this.#projections.popGivenWay()) return;
    this.#readers.enforceRoom(facts);
    this.#builder.stepSoon();
  }
}

function newEpoch(random: () => number): string {
  return Array.from({ length: 16 }, () => Math.floor(random() * 16).toString(16)).join("");
}
