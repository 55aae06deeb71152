/**
 * Which pairs of clusters have routes to each other, decided anew whenever something changes that
 * they depend on: RCCs and grants of both directions, and what the clusters say of themselves. A
 * pair is switched in step: nodes and tunnels first, blocks when the relays of both have obeyed,
 * and back in the opposite order. Never one way. [OVL5] [OVL6] [OVL7]
 */
import { ClashIndex } from "../../shared/overlay/clash-index.ts";
import type { Clashes } from "../../shared/overlay/clash-index.ts";
import type { PathOrder } from "../../shared/overlay/path-check.ts";
import { firstFailure, remotesClash } from "../../shared/overlay/preflight.ts";
import type { Side } from "../../shared/overlay/preflight.ts";
import { summaryHash } from "../../shared/overlay/summary.ts";
import type { OverlaySummary } from "../../shared/overlay/summary.ts";
import { isEffective } from "../../shared/visibility/access.ts";
import type { AccessRegistry } from "../../shared/visibility/access.ts";
import type { ObeyedOrder, OverlayOrder } from "../../shared/visibility/overlay-order.ts";
import type { MeshStore } from "./mesh-store.ts";
import type { PairRow } from "./registry.ts";

/** A pair of clusters, by UID in order. */
type Pair = readonly [string, string];

/** Whether a pair may have routes, and why not. */
export type Wish =
  | { readonly kind: "ready" }
  /** Not both RCCs ask for routes. */
  | { readonly kind: "disabled" }
  | { readonly kind: "not-ready"; readonly reason: string };

/** The registry as pairs need it. */
export interface PairRegistry extends AccessRegistry {
  readonly store: MeshStore;
  touch(...uids: readonly string[]): void;
  /** Of the facts that were told last; a decision that changes some tells the next. */
  version(): number;
}

/** Routes need all of these kinds to be in a grant's scope. */
const NEEDED_KINDS = ["Node", "IPAMBlock", "IPPool"] as const;

export class OverlayPairs {
  readonly #mesh: PairRegistry;
  /** Made of the stored rows when it is first asked. */
  #index: ClashIndex | null = null;

  constructor(mesh: PairRegistry) {
    this.#mesh = mesh;
  }

  /** A transaction was rolled back: what is in memory may not be in the rows. */
  reset(): void {
    this.#index = null;
  }

  summary(uid: string): OverlaySummary | null {
    return this.#loaded().summary(uid);
  }

  clashes(a: string, b: string): Clashes {
    return this.#loaded().clashes(a, b);
  }

  side(uid: string): Side {
    return { name: this.#mesh.member(uid)?.name ?? uid, summary: this.summary(uid) };
  }

  /** What a cluster says of itself has changed; `null`: it is gone. Runs inside `Mesh.decide`. */
  note(uid: string, summary: OverlaySummary | null): void {
    const index = this.#loaded();
    this.#mesh.touch(uid);
    if (summary === null) this.#mesh.store.delete("summaries", uid);
    else this.#mesh.store.put("summaries", uid, { hash: summaryHash(summary), summary });
    index.set(uid, summary);
    this.clusterChanged(uid);
  }

  /** Relays of a cluster have obeyed orders. Runs inside `Mesh.decide`. */
  obeyed(uid: string, orders: readonly ObeyedOrder[]): void {
    for (const { origin, step, stragglers } of orders) {
      const pair = pairOf(uid, origin);
      const row = this.row(uid, origin);
      if (row === undefined || row.step !== step || row.acks[uid] !== undefined) continue;
      this.#put(pair, { ...row, acks: { ...row.acks, [uid]: stragglers } });
      this.#advance(pair);
    }
  }

  /** Every pair of a cluster, with RCCs now or with routes until now. */
  clusterChanged(uid: string): void {
    const remotes = this.#mesh.rccsOf(uid).map(({ remoteUid }) => remoteUid);
    for (const other of new Set([...remotes, ...this.#partners(uid)])) this.pairChanged(uid, other);
  }

  /** An RCC or a grant between two clusters changes: `work` writes it. */
  between(a: string, b: string, work: () => void): void {
    this.#mesh.touch(a, b);
    work();
    this.pairChanged(a, b);
  }

  /** An RCC or a grant between two clusters, or what one of them says, has changed. */
  pairChanged(a: string, b: string): void {
    const pair = pairOf(a, b);
    const row = this.row(a, b);
    const wish = this.wish(a, b);
    if (row === undefined) {
      if (wish.kind === "ready") this.#begin(pair);
      return;
    }
    if (!this.#areBothEffective(pair)) this.#drop(pair);
    else if (wish.kind !== "ready" && row.phase === "prepare") this.#drop(pair);
    else if (wish.kind !== "ready" && row.phase === "commit") this.#order(pair, row, "leave");
    else if (wish.kind === "ready" && row.phase === "leave") this.#order(pair, row, "prepare");
  }

  /** Whether two clusters may have routes to each other now. [OVL5] */
  wish(a: string, b: string): Wish {
    const [there, back] = [this.#mesh.rccTo(a, b), this.#mesh.rccTo(b, a)];
    const isAsked = [there, back].some((rcc) => rcc?.overlayRoutingMode === "Enabled");
    if (!isAsked) return { kind: "disabled" };
    const reason =
      this.#oneWay(a, b) ??
      firstFailure(this.side(a), this.side(b), this.clashes(a, b)) ??
      this.#rival(pairOf(a, b));
    return reason === null ? { kind: "ready" } : { kind: "not-ready", reason };
  }

  /** The order for relays of one cluster about the other. */
  order(cluster: string, remote: string): OverlayOrder | undefined {
    const row = this.row(cluster, remote);
    if (row === undefined) return undefined;
    const { phase, step, since, acks } = row;
    return {
      phase,
      step,
      since,
      ...(acks[cluster] === undefined ? {} : { acknowledged: true }),
      ...pathOf(row, cluster === pairOf(cluster, remote)[0]),
    };
  }

  /** Asks the nodes of a pair that has routes for packets. Runs inside `Mesh.decide`. */
  setPath(a: string, b: string, path: PathOrder): void {
    const row = this.row(a, b);
    if (row !== undefined) this.#put(pairOf(a, b), { ...row, path });
  }

  row(a: string, b: string): PairRow | undefined {
    return this.#mesh.store.get("pairs", pairOf(a, b).join("/"));
  }

  /** Why routes would be one-way, or hidden; `null`: both directions are open. */
  #oneWay(a: string, b: string): string | null {
    const name = (uid: string): string => this.#mesh.member(uid)?.name ?? uid;
    for (const [reader, origin] of [pairOf(a, b), pairOf(a, b).toReversed()] as const) {
      if (reader === undefined || origin === undefined) continue;
      const rcc = this.#mesh.rccTo(reader, origin);
      if (rcc === undefined) return `${name(reader)} has no RCC that names ${name(origin)}`;
      // fault: route-one-way
      if (rcc.overlayRoutingMode !== "Enabled")
        return `overlayRoutingMode of RCC ${rcc.name} in ${name(reader)} is Disabled`;
      if (!isEffective(this.#mesh, reader, origin))
        return `${name(origin)} has not granted ${name(reader)}`;
      const kinds = this.#mesh.grantOf(origin, reader)?.scope?.kinds;
      const hidden = NEEDED_KINDS.find((kind) => kinds !== undefined && !kinds.includes(kind));
      if (hidden !== undefined)
        return `the scope of ${name(origin)}'s grant to ${name(reader)} does not show ${hidden}`;
    }
    return null;
  }

  /** Another remote that one of the two has routes to, and had before; it keeps working. */
  #rival([a, b]: Pair): string | null {
    const since = this.row(a, b)?.since ?? Infinity;
    for (const [own, remote] of [
      [a, b],
      [b, a],
    ] as const)
      for (const other of this.#partners(own)) {
        if (other === remote || (this.row(own, other)?.since ?? Infinity) > since) continue;
        const clash = remotesClash(
          this.#mesh.member(remote)?.name ?? remote,
          this.#mesh.member(other)?.name ?? other,
          this.clashes(remote, other),
        );
        if (clash !== null)
          return `${clash}; ${this.#mesh.member(own)?.name ?? own} has routes to the latter already`;
      }
    return null;
  }

  /** Clusters that a cluster has routes to, or is being given. */
  #partners(uid: string): string[] {
    return this.#mesh.store
      .list("pairs", `${uid}/`)
      .map(([id]) => id.slice(id.indexOf("/") + 1))
      .concat(
        this.#mesh.store.list("pairs-back", `${uid}/`).map(([id]) => id.slice(id.indexOf("/") + 1)),
      );
  }

  #areBothEffective([a, b]: Pair): boolean {
    return isEffective(this.#mesh, a, b) && isEffective(this.#mesh, b, a);
  }

  #begin(pair: Pair): void {
    const since = (this.#mesh.store.get("counters", "pairs")?.value ?? 0) + 1;
    this.#mesh.store.put("counters", "pairs", { value: since });
    this.#put(pair, { phase: "prepare", step: this.#nextStep(), since, acks: {} });
  }

  /**
   * The version that the facts with this order will have: what a relay that starts with facts of
   * long ago says that it has obeyed is never an order of now, also after a restore.
   */
  #nextStep(): number {
    return this.#mesh.version() + 1;
  }

  #order(pair: Pair, row: PairRow, phase: PairRow["phase"]): void {
    this.#put(pair, { ...row, phase, step: this.#nextStep(), acks: {} });
  }

  /** Both have obeyed: the next order. */
  #advance(pair: Pair): void {
    const row = this.row(...pair);
    if (row === undefined || pair.some((uid) => row.acks[uid] === undefined)) return;
    // fault: leave-forgotten
    if (row.phase === "leave") this.#drop(pair);
    else if (row.phase === "prepare") this.#order(pair, row, "commit");
  }

  #put(pair: Pair, row: PairRow): void {
    this.#mesh.touch(...pair);
    this.#mesh.store.put("pairs", pair.join("/"), row);
    this.#mesh.store.put("pairs-back", pair.toReversed().join("/"), {});
  }

  /** Others may have waited for its place. */
  #drop(pair: Pair): void {
    this.#mesh.touch(...pair);
    this.#mesh.store.delete("pairs", pair.join("/"));
    this.#mesh.store.delete("pairs-back", pair.toReversed().join("/"));
    for (const uid of pair)
      for (const { remoteUid } of this.#mesh.rccsOf(uid))
        if (!pair.includes(remoteUid)) this.pairChanged(uid, remoteUid);
  }

  #loaded(): ClashIndex {
    if (this.#index !== null) return this.#index;
    this.#index = new ClashIndex();
    for (const [uid, { summary }] of this.#mesh.store.list("summaries"))
      this.#index.set(uid, summary);
    return this.#index;
  }
}

/** Of a pair that has routes. @param isFirst As the first of the two is told. */
function pathOf({ phase, path }: PairRow, isFirst: boolean): Pick<OverlayOrder, "path"> {
  if (path === undefined || phase !== "commit") return {};
  const pairs = isFirst ? path.pairs : path.pairs.map(([a, b]) => [b, a] as const);
  return { path: { ...path, pairs } };
}

function pairOf(a: string, b: string): Pair {
  return a < b ? [a, b] : [b, a];
}
