/**
 * The side of an Origin that the Mesh speaks to: the facts of its cluster, and what follows from
 * newer ones. [VIS3] [VIS4] [VIS5]
 */
import { admissionFacts, narrows } from "../../shared/admission/judge.ts";
import type { AdmissionFacts } from "../../shared/admission/judge.ts";
import { must } from "../../shared/lib/assert.ts";
import { FELIX_CHANNELS } from "../../shared/record/channel.ts";
import type { Channel } from "../../shared/record/channel.ts";
import { isDirectUid } from "../../shared/visibility/direct-origin.ts";
import type { OriginFacts, RangeClaim } from "../../shared/visibility/facts.ts";
import type { KnownFacts } from "./access/known-facts.ts";
import { MeshNotes } from "./access/mesh-notes.ts";
import { OrderNotes } from "./access/order-notes.ts";
import { BUDGETS } from "./budgets/limits.ts";
import { HealthWatch } from "./health/health-watch.ts";
import type { Sighting } from "./health/judge-health.ts";
import { listLogs } from "./log/channel-logs.ts";
import type { Logs } from "./log/channel-logs.ts";
import type { OriginSockets } from "./origin-sockets.ts";
import type { OriginPorts } from "./ports.ts";
import type { PublisherSide } from "./publisher/publisher-side.ts";
import type { ReaderSide } from "./readers/reader-side.ts";
import type { ProjectionBuilder } from "./scopes/projection-builder.ts";
import type { Projections } from "./scopes/projections.ts";
import type { SetTimer, TimerRegistry } from "./timers.ts";

const PULL_RETRY_MS = 2_000;

/** The parts of an Origin that facts act on. */
export interface MeshSideParts {
  readonly known: KnownFacts;
  readonly logs: Logs;
  readonly projections: Projections;
  readonly builder: ProjectionBuilder;
  readonly readers: ReaderSide;
  readonly publisher: PublisherSide;
  readonly sockets: OriginSockets;
}

export class MeshSide {
  readonly notes: MeshNotes;
  readonly health: HealthWatch;
  readonly #orders: OrderNotes;
  #seenInQuarantine = 0;
  readonly #ports: OriginPorts;
  readonly #parts: MeshSideParts;
  readonly #setPullTimer: SetTimer;
  readonly #setWipeTimer: SetTimer;

  constructor(ports: OriginPorts, timers: TimerRegistry, parts: MeshSideParts) {
    this.#ports = ports;
    this.#parts = parts;
    this.#setPullTimer = timers.own("pull", () => this.pullUnlessFresh());
    this.#setWipeTimer = timers.own("wipe", () => this.#wipe());
    this.notes = new MeshNotes(ports, timers, {
      facts: () => parts.known.facts,
      report: () => parts.publisher.sockets.report,
      overlay: () => parts.publisher.sockets.overlay,
      isPoolRefused: (keyHash) => parts.logs.pools.received.isRefused(keyHash),
    });
    this.health = new HealthWatch(ports, timers, () => this.#sight());
    this.#orders = new OrderNotes(ports, timers, {
      facts: () => parts.known.facts,
      relays: () => parts.publisher.sockets.relays(),
    });
  }

  /** A relay of the cluster has reported. */
  reported(isPublisher: boolean): void {
    if (isPublisher) this.notes.compareSoon();
    this.#orders.compare();
    this.health.lookSoon();
  }

  /** A publisher has reconciled these channels. */
  reconciled(channels: readonly Channel[]): void {
    this.#parts.readers.becameWhole(channels);
    this.health.lookSoon();
  }

  /** Whatever it was: a record may have gone into quarantine, or out of it. */
  eventEnded(): void {
    const count = this.#quarantined();
    if (count === this.#seenInQuarantine) return;
    this.#seenInQuarantine = count;
    this.health.lookSoon();
  }

  #quarantined(): number {
    return listLogs(this.#parts.logs).reduce(
      (sum, { received }) => sum + received.refused - received.partly,
      0,
    );
  }

  #sight(): Sighting | null {
    const { known, publisher } = this.#parts;
    const { facts } = known;
    if (facts === null || facts.removed) return null;
    const { sockets } = publisher;
    const { publisher: publisherSignMs, standby: standbySignMs } = sockets.lastSigns();
    const granted = new Set(
      facts.remotes.filter(({ state }) => state === "granted").map(({ rcc }) => rcc),
    );
    return {
      name: facts.cluster.name,
      publisherSignMs,
      leftMs: sockets.leftMs,
      standbySignMs,
      // Services travel only where a grant asks for them, and in-sync never waits for them.
      isReconciled: FELIX_CHANNELS.every((channel) => sockets.hasReconciled(channel)),
      source: sockets.report?.source ?? null,
      edges: sockets.edges.filter(
        // Of remotes that its relays read themselves nobody else can tell. [DIR23]
        ({ rcc, origin }) => granted.has(rcc) || isDirectUid(origin.uid),
      ),
      quarantined: this.#quarantined(),
      held: sockets.report?.held ?? 0,
      takenOver: sockets.takenOver,
    };
  }

  pullUnlessFresh(): void {
    if (!this.#parts.known.isFresh) this.#ports.mesh.pullFacts();
  }

  onPullFailed(error: string): void {
    this.#ports.log("warn", "cannot read access facts from the mesh; readers wait", { error });
    this.#setPullTimer(PULL_RETRY_MS);
  }

  /** See `Origin.onUnknown`. */
  onUnknown(): void {
    this.#ports.log("warn", "the mesh does not know this cluster; its sockets are closed", {});
    this.#parts.sockets.refuseAll("not-ready", "the mesh does not know this cluster");
  }

  onClaimFailed(claims: readonly RangeClaim[], error: string): void {
    this.#ports.log("warn", "cannot claim ranges in the mesh", { error });
    this.#parts.publisher.onClaimFailed(claims);
  }

  onNoteFailed(error: string): void {
    this.#ports.log("warn", "cannot tell the mesh of this cluster's pools", { error });
    this.notes.compareSoon();
  }

  /**
   * @param isAnswer This instance has asked for these facts: they are no older than the question.
   */
  learn(facts: OriginFacts, isAnswer: boolean): void {
    const { known, publisher, readers, builder } = this.#parts;
    const news = known.compare(facts);
    if (news === "other-mesh") return;
    const isNew = news === "newer";
    if (isNew) this.#adopt(facts);
    const current = must(known.facts, "facts that were compared");
    const mustAskAgain = isAnswer && !known.isFresh && this.#wasInterrupted(current);
    if (isAnswer) this.#beginToSend();
    if (isNew && !current.removed) publisher.handshake.sendAccess(current);
    if ((isNew || mustAskAgain) && !current.removed)
      publisher.setAdmission(admissionOf(current), current.accessVersion);
    if (isNew && !current.removed) this.notes.compareSoon();
    this.health.lookSoon();
    this.#orders.compare();
    readers.serveAll();
    builder.stepSoon();
  }

  /** Committed first, then enforced: revoked means from here on. [VIS5] */
  #adopt(facts: OriginFacts): void {
    const { known, projections, readers, publisher, sockets } = this.#parts;
    const { store } = this.#ports;
    const isNarrower = !facts.removed && narrows(known.facts?.ranges, facts.ranges);
    store.transaction(() => {
      store.saveFacts(facts);
      if (isNarrower) store.saveMustReview(true);
      if (!facts.removed) projections.setScopes(facts);
    });
    known.replace(facts);
    if (facts.removed) this.wipeSoon();
    readers.enforce(facts);
    for (const { socket, reason, message } of publisher.sockets.objections(facts))
      sockets.refuse(socket, reason, message);
  }

  /**
   * Whether a question to the Mesh before an eviction or a crash was never answered to this
   * instance, or not all refused records were judged again. [LOG14]
   */
  #wasInterrupted({ accessVersion }: OriginFacts): boolean {
    const { store } = this.#ports;
    const isRefused = listLogs(this.#parts.logs).some((log) => log.received.refused > 0);
    if (store.mustReview()) return true;
    return store.hasPendingClaims() || (isRefused && store.judgedVersion() !== accessVersion);
  }

  #beginToSend(): void {
    this.#parts.known.confirm();
    this.notes.compareSoon();
    this.#parts.sockets.retryHellos();
  }

  wipeSoon(): void {
    this.#setWipeTimer(0);
  }

  /**
   * The log of a removed cluster is not read any more: a large one is forgotten in steps. [VIS7]
   */
  #wipe(): void {
    if (!this.#parts.known.isRemoved) return;
    const { store } = this.#ports;
    const wiped = store.transaction(() => store.wipeLog(BUDGETS.wipedRows));
    if (wiped === BUDGETS.wipedRows) this.wipeSoon();
  }
}

export function admissionOf(facts: OriginFacts | null): AdmissionFacts {
  return admissionFacts(facts?.ranges ?? { pods: [], nodes: [] }, facts?.refusedClaims ?? []);
}
