/**
 * The home sockets of an Origin's own cluster: the relay that publishes (by term), what it has reconciled, and the other relays of the cluster, which stand
 * by: they hear what may be seen, report, and one of them publishes when the publisher goes. [VIS30]
 */
import type { CloseReason } from "../../../shared/protocol/errors.ts";
import { LIMITS } from "../../../shared/protocol/limits.ts";
import type { Report } from "../../../shared/protocol/messages.ts";
import type { Channel } from "../../../shared/record/channel.ts";
import type { ClusterReport, EdgeReport, OriginFacts } from "../../../shared/visibility/facts.ts";
import { parseClusterReport, parseEdgeReports } from "../../../shared/visibility/parse-facts.ts";
import { mergedEdges } from "./merged-edges.ts";
import { keyPermit, planTerm, SILENT_MS } from "../access/permits.ts";
import type { PublishClaim } from "../access/permits.ts";
import type { OriginPorts, Peer, SocketId } from "../ports.ts";

/** What outlives an eviction of the object, with the socket. */
interface HomeNote {
  /** Absent in notes of hubs that knew publishers only. */
  readonly isStandby?: boolean;
  readonly version?: number;
  readonly candidate?: string | null;
  readonly reconciled: readonly Channel[];
  readonly edges: readonly EdgeReport[];
  /** Absent in notes of hubs that knew none. */
  readonly report?: ClusterReport | null;
}

interface Member {
  readonly peer: Peer;
  /** Which start of a relay it is, by its own word: terms do not tell, for a hub that was put back hands them out again. */
  readonly candidate: string | null;
  /** Of the protocol. */
  readonly version: number;
  readonly sinceMs: number;
  edges: readonly EdgeReport[];
  report: ClusterReport | null;
}

/** An attachment holds 16 KiB; larger reports are known again with the next one. */
const NOTE_EDGES_CHARS = 12_000;

export type Welcomed =
  | { readonly ok: true; readonly isStandby: true }
  | {
      readonly ok: true;
      readonly isStandby: false;
      readonly term: number;
      readonly replaced: SocketId | null;
    }
  | { readonly ok: false; readonly reason: CloseReason; readonly message: string };

export class PublisherSockets {
  readonly #ports: OriginPorts;
  readonly #startedMs: number;
  readonly #members = new Map<SocketId, Member>();
  #publisher: SocketId | null = null;
  readonly #reconciled = new Set<Channel>();
  #leftMs: number;

  constructor(ports: OriginPorts) {
    this.#ports = ports;
    this.#startedMs = ports.clock.now();
    this.#leftMs = this.#startedMs;
  }

  /** Of the publisher. */
  get socket(): SocketId | null {
    return this.#publisher;
  }

  /** Whose relay publishes. */
  get member(): string | null {
    const member = this.#publisher === null ? undefined : this.#members.get(this.#publisher);
    return member?.peer.clusterUid ?? null;
  }

  /** Of the publisher and all who stand by. */
  sockets(): SocketId[] {
    return [...this.#members.keys()];
  }

  /** Of each edge what the relay that lags most has reported. */
  get edges(): readonly EdgeReport[] {
    return mergedEdges([...this.#members.values()].map(({ edges }) => edges));
  }

  /** What the publisher has reported of the cluster; `null` before it has. */
  get report(): ClusterReport | null {
    const member = this.#publisher === null ? undefined : this.#members.get(this.#publisher);
    return member?.report ?? null;
  }

  /** Unix ms of the last sign, not before this object's own start. */
  get lastSeenMs(): number {
    return this.#publisher === null ? this.#leftMs : this.#ports.clock.now();
  }

  /** Whether the present publisher has reconciled the channel: what a reader has beyond it is then gone for good. [LOG7] */
  hasReconciled(channel: Channel): boolean {
    return this.#reconciled.has(channel);
  }

  /** Whether the socket speaks for the cluster now: a replaced one is ignored by identity. */
  is(socket: SocketId): boolean {
    return this.#publisher === socket;
  }

  has(socket: SocketId): boolean {
    return this.#members.has(socket);
  }

  /** @param version Of the protocol; of one that is known already it is not asked. */
  welcome(
    socket: SocketId,
    peer: Peer,
    hello: PublishClaim,
    version: number,
    facts: OriginFacts,
  ): Welcomed {
    const permit = keyPermit(peer, facts);
    if (permit !== null) return { ok: false, ...permit };
    const { store } = this.#ports;
    const plan = planTerm(store.term(), hello, this.#isTaken(socket, hello.candidate));
    if (plan.kind === "superseded")
      return { ok: false, reason: "superseded", message: plan.message };
    const known = this.#members.get(socket);
    if (known === undefined && plan.kind === "standby" && this.#members.size >= LIMITS.homeSockets)
      return {
        ok: false,
        reason: "over-quota",
        message: `${LIMITS.homeSockets} relays of this cluster are connected already: one publishes, the others stand by`,
      };
    const member = known ?? {
      peer,
      version,
      candidate: hello.candidate,
      sinceMs: this.#ports.clock.now(),
      edges: [],
      report: null,
    };
    this.#members.set(socket, member);
    if (plan.kind === "standby") {
      this.#saveNote(socket);
      return { ok: true, isStandby: true };
    }
    store.transaction(() => store.saveTerm(plan.term));
    const replaced = this.is(socket) ? null : this.#publisher;
    if (replaced !== null) this.#members.delete(replaced);
    this.#publisher = socket;
    this.#reconciled.clear();
    this.#saveNote(socket);
    return { ok: true, isStandby: false, term: plan.term.term, replaced };
  }

  /** Who publishes next where nobody does: the relay that has stood by for longest. */
  next(): (Pick<Member, "peer" | "version" | "candidate"> & { readonly socket: SocketId }) | null {
    if (this.#publisher !== null) return null;
    for (const [socket, { peer, version, candidate }] of this.#members)
      return { socket, peer, version, candidate };
    return null;
  }

  restore(socket: SocketId, peer: Peer, note: string): void {
    const saved = JSON.parse(note) as HomeNote;
    const { edges, report = null, version = 1, candidate = null } = saved;
    const sinceMs = this.#startedMs;
    this.#members.set(socket, { peer, version, candidate, sinceMs, edges, report });
    if (saved.isStandby === true) return;
    this.#publisher = socket;
    for (const channel of saved.reconciled) this.#reconciled.add(channel);
  }

  markReconciled(channel: Channel): void {
    this.#reconciled.add(channel);
    if (this.#publisher !== null) this.#saveNote(this.#publisher);
  }

  /**
   * Answers the rule that the report breaks, or `null`. A relay is trusted with its own status, not
   * with the hub's memory.
   */
  onReport(socket: SocketId, message: Report): string | null {
    const member = this.#members.get(socket);
    if (member === undefined) return null;
    const edges = parseEdgeReports(message.edges);
    if (!edges.ok) return `report edges: ${edges.rule}`;
    const report = message.cluster === null ? null : parseClusterReport(message.cluster);
    if (report?.ok === false) return `report cluster: ${report.rule}`;
    member.edges = edges.value;
    member.report = report?.value ?? null;
    this.#saveNote(socket);
    return null;
  }

  onClose(socket: SocketId): void {
    this.#members.delete(socket);
    if (!this.is(socket)) return;
    this.#publisher = null;
    this.#reconciled.clear();
    this.#leftMs = this.#ports.clock.now();
  }

  /** Who may no longer speak, and why. */
  objections(facts: OriginFacts) {
    return [...this.#members].flatMap(([socket, { peer }]) => {
      const permit = keyPermit(peer, facts);
      return permit === null ? [] : [{ socket, ...permit }];
    });
  }

  /** Whether another relay publishes, and gives signs of life. */
  #isTaken(socket: SocketId, candidate: string | null): boolean {
    const publisher = this.#publisher;
    const member = publisher === null ? undefined : this.#members.get(publisher);
    if (publisher === null || member === undefined || publisher === socket) return false;
    if (member.candidate !== null && member.candidate === candidate) return false;
    const lastMs = this.#ports.sockets.lastHeartbeatMs(publisher) ?? member.sinceMs;
    return this.#ports.clock.now() - Math.max(lastMs, member.sinceMs) < SILENT_MS;
  }

  #saveNote(socket: SocketId): void {
    const member = this.#members.get(socket);
    if (member === undefined) return;
    const { edges, report, version, candidate } = member;
    const fits = JSON.stringify([edges, report]).length <= NOTE_EDGES_CHARS;
    const isStandby = !this.is(socket);
    const reconciled = isStandby ? [] : [...this.#reconciled];
    const told = fits ? { edges, report } : { edges: [], report: null };
    const note: HomeNote = { isStandby, version, candidate, reconciled, ...told };
    this.#ports.sockets.saveNote(socket, JSON.stringify(note));
  }
}
