/** The home socket of an Origin's own cluster: who publishes (by term), what it has reconciled, what it reports. */
import type { CloseReason } from "../../shared/protocol/errors.ts";
import type { HomeHello } from "../../shared/protocol/messages.ts";
import type { Channel } from "../../shared/record/channel.ts";
import type { EdgeReport, OriginFacts } from "../../shared/visibility/facts.ts";
import { planTerm } from "./permits.ts";
import type { OriginPorts, Peer, SocketId } from "./ports.ts";

/** What outlives an eviction of the object, with the socket. */
interface HomeNote {
  readonly reconciled: readonly Channel[];
  readonly edges: readonly EdgeReport[];
}

/** An attachment holds 16 KiB; larger reports are known again with the next one. */
const NOTE_EDGES_CHARS = 12_000;
const MAX_EDGES = 1_000;

export type HomeWelcomed =
  | { readonly ok: true; readonly term: number; readonly replaced: SocketId | null }
  | { readonly ok: false; readonly reason: CloseReason; readonly message: string };

export class HomeDesk {
  readonly #ports: OriginPorts;
  readonly #startedMs: number;
  #home: { readonly socket: SocketId; readonly peer: Peer } | null = null;
  readonly #reconciled = new Set<Channel>();
  #edges: readonly EdgeReport[] = [];
  #leftMs: number;

  constructor(ports: OriginPorts) {
    this.#ports = ports;
    this.#startedMs = ports.clock.now();
    this.#leftMs = this.#startedMs;
  }

  get socket(): SocketId | null {
    return this.#home?.socket ?? null;
  }

  get edges(): readonly EdgeReport[] {
    return this.#edges;
  }

  /** Unix ms of the last sign, not before this object's own start. */
  get lastSeenMs(): number {
    return this.#home === null ? this.#leftMs : this.#ports.clock.now();
  }

  /** Whether the present publisher has reconciled the channel: what a reader has beyond it is then gone for good. [LOG7] */
  hasReconciled(channel: Channel): boolean {
    return this.#reconciled.has(channel);
  }

  /** Whether the socket speaks for the cluster now: a replaced one is ignored by identity. */
  is(socket: SocketId): boolean {
    return this.#home?.socket === socket;
  }

  welcome(socket: SocketId, peer: Peer, hello: HomeHello, facts: OriginFacts): HomeWelcomed {
    const permit = keyPermit(peer, facts);
    if (permit !== null) return { ok: false, ...permit };
    const { store } = this.#ports;
    const plan = planTerm(store.term(), hello);
    if (plan.kind === "superseded")
      return { ok: false, reason: "superseded", message: plan.message };
    store.transaction(() => store.saveTerm(plan.term));
    const replaced = this.#home === null || this.is(socket) ? null : this.#home.socket;
    this.#home = { socket, peer };
    this.#reconciled.clear();
    this.#edges = [];
    this.#saveNote();
    return { ok: true, term: plan.term.term, replaced };
  }

  restore(socket: SocketId, peer: Peer, note: string): void {
    const saved = JSON.parse(note) as HomeNote;
    this.#home = { socket, peer };
    for (const channel of saved.reconciled) this.#reconciled.add(channel);
    this.#edges = saved.edges;
  }

  markReconciled(channel: Channel): void {
    this.#reconciled.add(channel);
    this.#saveNote();
  }

  onReport(text: string): void {
    this.#edges = parseEdges(text) ?? this.#edges;
    this.#saveNote();
  }

  onClose(socket: SocketId): void {
    if (!this.is(socket)) return;
    this.#home = null;
    this.#reconciled.clear();
    this.#edges = [];
    this.#leftMs = this.#ports.clock.now();
  }

  /** Why the present publisher may no longer speak, or `null`. */
  objection(facts: OriginFacts): { readonly reason: CloseReason; readonly message: string } | null {
    return this.#home === null ? null : keyPermit(this.#home.peer, facts);
  }

  #saveNote(): void {
    if (this.#home === null) return;
    const fits = JSON.stringify(this.#edges).length <= NOTE_EDGES_CHARS;
    const note: HomeNote = { reconciled: [...this.#reconciled], edges: fits ? this.#edges : [] };
    this.#ports.sockets.saveNote(this.#home.socket, JSON.stringify(note));
  }
}

function keyPermit(
  peer: Peer,
  facts: OriginFacts,
): { readonly reason: CloseReason; readonly message: string } | null {
  if (facts.removed) return { reason: "removed", message: "the cluster was removed from the mesh" };
  if (peer.keyGeneration < facts.keyGeneration)
    return {
      reason: "unauthenticated",
      message: "the cluster's key was replaced by a newer one",
    };
  return null;
}

/** The relay is trusted with its own status, not with the hub's memory: `null` for anything malformed. */
function parseEdges(text: string): EdgeReport[] | null {
  try {
    const parsed: unknown = JSON.parse(text);
    return Array.isArray(parsed) && parsed.length <= MAX_EDGES ? (parsed as EdgeReport[]) : null;
  } catch {
    return null;
  }
}
