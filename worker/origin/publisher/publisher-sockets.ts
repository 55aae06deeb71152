/**
 * The sockets of an Origin's own cluster: the relay that publishes (by term), the channels that it
 * has reconciled, and the other relays of the cluster, which stand by: they hear what may be seen,
 * report, and one of them publishes when the publisher goes. [VIS30]
 */
import type { CloseReason } from "../../../shared/protocol/errors.ts";
import { LIMITS } from "../../../shared/protocol/limits.ts";
import type { OverlaySummary } from "../../../shared/overlay/summary.ts";
import type { Channel } from "../../../shared/record/channel.ts";
import type {
  ClusterReport,
  EdgeReport,
  OriginFacts,
  TakenOver,
} from "../../../shared/visibility/facts.ts";
import { keyPermit } from "../access/permits.ts";
import { BUDGETS } from "../budgets/limits.ts";
import type { Peer, SocketId } from "../peer.ts";
import type { OriginPorts } from "../ports.ts";
import { mergedEdges } from "../../../shared/visibility/merged-edges.ts";
import { relayName } from "./cluster-relay.ts";
import type { ClusterRelay, NextPublisher } from "./cluster-relay.ts";
import { writePublisherNote } from "./publisher-note.ts";
import type { PublisherNote } from "./publisher-note.ts";
import { planTerm, SILENT_MS } from "./publisher-term.ts";
import type { PublishClaim } from "./publisher-term.ts";
import type { ReadReport } from "./report-intake.ts";

/** The publisher that another socket has displaced, and what it is told. */
export interface Replaced {
  readonly socket: SocketId;
  readonly message: string;
}

export type Welcomed =
  | { readonly kind: "standby" }
  | { readonly kind: "publisher"; readonly term: number; readonly replaced: Replaced | null }
  | { readonly kind: "refused"; readonly reason: CloseReason; readonly message: string };

type Ports = Pick<OriginPorts, "clock" | "sockets" | "store" | "log">;

export class PublisherSockets {
  readonly #ports: Ports;
  readonly #startedMs: number;
  readonly #relays = new Map<SocketId, ClusterRelay>();
  #reportedEdges = 0;
  #publisher: SocketId | null = null;
  readonly #reconciled = new Set<Channel>();
  #leftMs: number;
  #takenOver: TakenOver | null = null;

  constructor(ports: Ports) {
    this.#ports = ports;
    this.#startedMs = ports.clock.now();
    this.#leftMs = this.#startedMs;
  }

  /** Socket of the publisher. */
  get publisher(): SocketId | null {
    return this.#publisher;
  }

  /** Cluster of the publisher. */
  get member(): string | null {
    return this.#publisherRelay()?.peer.clusterUid ?? null;
  }

  /** Sockets of the publisher and all relays that stand by. */
  sockets(): SocketId[] {
    return [...this.#relays.keys()];
  }

  /** Protocol version that a relay speaks; 0 of one that is not known. */
  versionOf(socket: SocketId): number {
    return this.#relays.get(socket)?.version ?? 0;
  }

  /** Of each edge the report of the relay that lags most. */
  get edges(): readonly EdgeReport[] {
    return mergedEdges([...this.#relays.values()].map(({ edges }) => edges));
  }

  /** How the publisher came to publish, where it took over from one that was heard. [CRE25] */
  get takenOver(): TakenOver | null {
    return this.#takenOver;
  }

  /** The publisher's report of the cluster; `null` before there is one. */
  get report(): ClusterReport | null {
    return this.#publisherRelay()?.report ?? null;
  }

  /** When the last publisher left, or this object began, in Unix ms. */
  get leftMs(): number {
    return this.#leftMs;
  }

  /** What the publisher said last for routes; `null` since this instance started: nothing. */
  get overlay(): OverlaySummary | null {
    return this.#publisherRelay()?.overlay ?? null;
  }

  /** All relays of the cluster that are connected: what each calls itself, and reports. */
  relays(): readonly Pick<ClusterRelay, "software" | "edges">[] {
    return [...this.#relays.values()];
  }

  /** Unix ms of the last sign, not before this object's own start. */
  get lastSeenMs(): number {
    return this.#publisher === null ? this.#leftMs : this.#ports.clock.now();
  }

  /** Unix ms of the last sign of the publisher, and of any relay that stands by. */
  lastSigns(): { readonly publisher: number | null; readonly standby: number | null } {
    const signs = [...this.#relays].map(([socket, { sinceMs }]) => {
      const heardMs = this.#ports.sockets.lastHeartbeatMs(socket) ?? sinceMs;
      return { socket, atMs: Math.max(heardMs, sinceMs) };
    });
    const others = signs.filter(({ socket }) => socket !== this.#publisher);
    return {
      publisher: signs.find(({ socket }) => socket === this.#publisher)?.atMs ?? null,
      standby: others.length === 0 ? null : Math.max(...others.map(({ atMs }) => atMs)),
    };
  }

  /**
   * Whether the present publisher has reconciled the channel: a record that only a reader has is
   * then gone for good. [LOG7]
   */
  hasReconciled(channel: Channel): boolean {
    return this.#reconciled.has(channel);
  }

  /** Whether the socket speaks for the cluster now: a replaced one is ignored by identity. */
  isPublisher(socket: SocketId): boolean {
    return this.#publisher === socket;
  }

  has(socket: SocketId): boolean {
    return this.#relays.has(socket);
  }

  /** @param version Protocol version; a relay that is known already keeps its own. */
  welcome(
    socket: SocketId,
    peer: Peer,
    hello: PublishClaim,
    version: number,
    facts: OriginFacts,
  ): Welcomed {
    const permit = keyPermit(peer, facts);
    if (permit !== null) return { kind: "refused", ...permit };
    const { store, clock } = this.#ports;
    const plan = planTerm(store.term(), hello, this.#isTaken(socket, hello.candidate));
    if (plan.kind === "superseded")
      return { kind: "refused", reason: "superseded", message: plan.message };
    const known = this.#relays.get(socket);
    if (
      known === undefined &&
      plan.kind === "standby" &&
      this.#relays.size >= LIMITS.relaysOfCluster
    )
      return {
        kind: "refused",
        reason: "over-quota",
        message: `${LIMITS.relaysOfCluster} relays of this cluster are connected already: one publishes, the others stand by`,
      };
    const { candidate } = hello;
    const software = relayName(hello.software);
    const sinceMs = clock.now();
    const fresh = {
      peer,
      version,
      candidate,
      software,
      sinceMs,
      edges: [],
      report: null,
      overlay: null,
    };
    this.#relays.set(socket, known ?? fresh);
    if (plan.kind === "standby") {
      this.#saveNote(socket);
      return { kind: "standby" };
    }
    store.transaction(() => store.saveTerm(plan.term));
    const replaced = this.isPublisher(socket) ? null : this.#displace(candidate, software);
    this.#publisher = socket;
    this.#reconciled.clear();
    this.#saveNote(socket);
    return { kind: "publisher", term: plan.term.term, replaced };
  }

  /** The publisher goes: where it was heard a moment ago, who displaces it is kept. [CRE25] */
  #displace(candidate: string | null, by: string): Replaced | null {
    const publisher = this.#publisher;
    const from = this.#publisherRelay();
    this.#takenOver = null;
    if (publisher === null || from === undefined) return null;
    const atMs = this.#ports.clock.now();
    if (this.#isTaken(null, candidate)) {
      this.#takenOver = { by, from: from.software, atMs };
      this.#ports.log("warn", "a relay took over from one that publishes", {
        by,
        from: from.software,
      });
    }
    this.#forget(publisher);
    const at = new Date(atMs).toISOString().slice(0, 19);
    return { socket: publisher, message: `${by} publishes for this cluster since ${at}Z` };
  }

  /** Where nobody publishes, the relay that has stood by longest. */
  next(): NextPublisher | null {
    if (this.#publisher !== null) return null;
    for (const [socket, { peer, version, candidate, software }] of this.#relays)
      return { socket, peer, version, candidate, software };
    return null;
  }

  restore(socket: SocketId, peer: Peer, note: PublisherNote): void {
    const { edges, report, version, candidate, software } = note;
    const sinceMs = this.#startedMs;
    const said = { edges, report, overlay: null };
    this.#relays.set(socket, { peer, version, candidate, software, sinceMs, ...said });
    this.#reportedEdges += edges.length;
    if (note.isStandby) return;
    this.#publisher = socket;
    this.#takenOver = note.takenOver;
    for (const channel of note.reconciled) this.#reconciled.add(channel);
  }

  markReconciled(channel: Channel): void {
    this.#reconciled.add(channel);
    if (this.#publisher !== null) this.#saveNote(this.#publisher);
  }

  /**
   * Keeps a relay's report. A relay is trusted with its own status, not with the hub's memory: of
   * one that brings more edges than are kept of all, none are. [LOG75]
   */
  onReport(socket: SocketId, { edges, cluster }: ReadReport): void {
    const relay = this.#relays.get(socket);
    if (relay === undefined) return;
    const others = this.#reportedEdges - relay.edges.length;
    relay.edges = others + edges.length <= BUDGETS.reportedEdges ? edges : [];
    this.#reportedEdges = others + relay.edges.length;
    if (cluster === null) relay.report = null;
    else ({ overlay: relay.overlay = relay.overlay, ...relay.report } = cluster);
    this.#saveNote(socket);
  }

  #forget(socket: SocketId): void {
    this.#reportedEdges -= this.#relays.get(socket)?.edges.length ?? 0;
    this.#relays.delete(socket);
  }

  onClose(socket: SocketId): void {
    this.#forget(socket);
    if (!this.isPublisher(socket)) return;
    this.#publisher = null;
    this.#takenOver = null;
    this.#reconciled.clear();
    this.#leftMs = this.#ports.clock.now();
  }

  /** Sockets that may no longer speak, and why. */
  objections(facts: OriginFacts) {
    return [...this.#relays].flatMap(([socket, { peer }]) => {
      const permit = keyPermit(peer, facts);
      return permit === null ? [] : [{ socket, ...permit }];
    });
  }

  #publisherRelay(): ClusterRelay | undefined {
    return this.#publisher === null ? undefined : this.#relays.get(this.#publisher);
  }

  /** Whether another relay publishes, and gives signs of life. */
  #isTaken(socket: SocketId | null, candidate: string | null): boolean {
    const publisher = this.#publisher;
    const relay = this.#publisherRelay();
    if (publisher === null || relay === undefined || publisher === socket) return false;
    if (relay.candidate !== null && relay.candidate === candidate) return false;
    const lastMs = this.#ports.sockets.lastHeartbeatMs(publisher) ?? relay.sinceMs;
    return this.#ports.clock.now() - Math.max(lastMs, relay.sinceMs) < SILENT_MS;
  }

  #saveNote(socket: SocketId): void {
    const relay = this.#relays.get(socket);
    if (relay === undefined) return;
    const { edges, report, version, candidate, software } = relay;
    const isStandby = !this.isPublisher(socket);
    const reconciled = isStandby ? [] : [...this.#reconciled];
    const takenOver = isStandby ? null : this.#takenOver;
    const own = { isStandby, version, candidate, software, takenOver };
    this.#ports.sockets.saveNote(socket, writePublisherNote({ ...own, reconciled, edges, report }));
  }
}
