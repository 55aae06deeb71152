/**
 * The nodes and blocks of remotes that Felix is given, so that it routes to their pods: those that
 * the mesh has ordered, of which every tunnel MAC and tunnel address is one node's alone: of the
 * remote that was first. What is this cluster's own does not come here (`OwnAddresses`). [OVL8]
 * [TYP43]
 *
 * A Felix that loses one of a node's two families keeps that one's routes, so both are taken away
 * and the other comes back a moment later. [TYP44]
 */
import { parseCidr } from "../../shared/ip/cidr.ts";
import { RangeSet } from "../../shared/ip/range-set.ts";
import { acceptVteps, isForPods, routesOf, vtepId } from "../../shared/overlay/route-plan.ts";
import type { Unrouted, Vteps } from "../../shared/overlay/route-plan.ts";
import { FAMILIES } from "../../shared/overlay/vtep.ts";
import type { CalicoRecord, IPAMBlock, Node } from "../../shared/record/record.ts";
import type { Remote } from "../../shared/visibility/facts.ts";
import type { OverlayOrder } from "../../shared/visibility/overlay-order.ts";
import type { RelayPorts } from "../hub/relay-ports.ts";
import { byKind, isSameItem, losesFamily, sameVteps } from "./route-items.ts";
import type { RouteChange, RouteItem } from "./route-items.ts";
import type { ServedChange } from "./serving.ts";

/** Until a node whose family went comes back: Felix is told changes of a moment together. */
const REST_MS = 1_000;

/** One remote: what it has, and what of it Felix has. */
interface RoutedRemote {
  readonly nodes: Map<string, Node>;
  readonly blocks: Map<string, IPAMBlock>;
  readonly pools: Map<string, boolean>;
  order: OverlayOrder | null;
  accepted: Vteps;
  unrouted: readonly Unrouted[];
  routes: number;
  told: Map<string, RouteItem>;
}

export class RemoteRoutes {
  readonly #ports: Pick<RelayPorts, "after">;
  readonly #remotes = new Map<string, RoutedRemote>();
  readonly #listeners = new Set<(changes: readonly RouteChange[]) => void>();
  /** MAC or tunnel address → whose it is. */
  readonly #taken = new Map<string, string>();
  /** Items that rest → how to end it. */
  readonly #resting = new Map<string, () => void>();

  constructor(ports: Pick<RelayPorts, "after">) {
    this.#ports = ports;
  }

  subscribe(listener: (changes: readonly RouteChange[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** What Felix has, nodes before blocks. */
  *items(): Generator<RouteItem> {
    for (const { told } of this.#remotes.values())
      for (const item of told.values()) if (item.kind === "node") yield item;
    for (const { told } of this.#remotes.values())
      for (const item of told.values()) if (item.kind === "block") yield item;
  }

  /** Whether a pool holds pods that there are to be routes to. */
  isRouted(cidr: string): boolean {
    const set = new RangeSet([cidr]);
    for (const { order, pools } of this.#remotes.values())
      if (order !== null && poolsOf(pools).some((own) => isIn(own, set))) return true;
    return false;
  }

  /** Of one remote: what Felix has, and what is held back and why. */
  report(rcc: string): {
    readonly vteps: number;
    readonly routes: number;
    readonly unrouted: readonly Unrouted[];
  } {
    const remote = this.#remotes.get(rcc);
    if (remote === undefined || remote.order === null) return { vteps: 0, routes: 0, unrouted: [] };
    const { routes, unrouted } = remote;
    const nodes = [...remote.told.values()].filter(({ kind }) => kind === "node").length;
    return { vteps: nodes, routes, unrouted };
  }

  /** Whether a node waits to come back: another relay may have told it already. [TYP44] */
  get isResting(): boolean {
    return this.#resting.size > 0;
  }

  /** Endpoints of a remote that Felix may be given; none where it has no routes. */
  vteps(rcc: string): Vteps {
    return this.#remotes.get(rcc)?.accepted ?? new Map();
  }

  /** Records that are served of remotes have changed. */
  onServed(changes: readonly ServedChange[]): void {
    const touched = new Set<string>();
    let isOfAddresses = false;
    for (const { rcc, op, held } of changes) {
      const { record } = held;
      if (record.kind !== "Node" && record.kind !== "IPAMBlock" && record.kind !== "IPPool")
        continue;
      keep(this.#remote(rcc), op, record);
      touched.add(rcc);
      isOfAddresses ||= record.kind !== "IPAMBlock";
    }
    if (touched.size > 0) this.#decide(touched, isOfAddresses);
  }

  /** What the mesh has ordered. */
  setOrders(remotes: readonly Remote[]): void {
    const orders = new Map(
      remotes.flatMap(({ rcc, state, overlay }) =>
        state === "granted" && overlay !== undefined ? [[rcc, overlay] as const] : [],
      ),
    );
    const touched = new Set<string>();
    for (const rcc of new Set([...this.#remotes.keys(), ...orders.keys()])) {
      const remote = this.#remote(rcc);
      const next = orders.get(rcc) ?? null;
      if (isSame(remote.order, next)) continue;
      remote.order = next;
      touched.add(rcc);
    }
    if (touched.size > 0) this.#decide(touched, true);
  }

  stop(): void {
    for (const cancel of this.#resting.values()) cancel();
    this.#resting.clear();
  }

  #remote(rcc: string): RoutedRemote {
    const known = this.#remotes.get(rcc);
    if (known !== undefined) return known;
    const remote: RoutedRemote = {
      nodes: new Map(),
      blocks: new Map(),
      pools: new Map(),
      order: null,
      accepted: new Map(),
      unrouted: [],
      routes: 0,
      told: new Map(),
    };
    this.#remotes.set(rcc, remote);
    return remote;
  }

  /** @param mayMove Whose endpoints are accepted may have changed, of any remote. */
  #decide(touched: ReadonlySet<string>, mayMove: boolean): void {
    const due = mayMove ? new Set([...touched, ...this.#accept(touched)]) : touched;
    const [gone, come]: [RouteChange[], RouteChange[]] = [[], []];
    for (const rcc of due)
      for (const change of this.#changesOf(rcc, this.#remote(rcc)))
        (change.after === null ? gone : come).push(change);
    // Routes go before what they need, and come behind it.
    const changes = [...byKind(gone, "block"), ...byKind(come, "node")];
    if (changes.length > 0 || mayMove) for (const listener of this.#listeners) listener(changes);
  }

  /**
   * Answers the remotes of which other endpoints are accepted now. Those that were first keep what
   * they have: only from the first that is touched on is anything decided again.
   */
  #accept(touched: ReadonlySet<string>): string[] {
    const ordered = [...this.#remotes]
      .filter(([, { order }]) => order !== null)
      .toSorted(([a, x], [b, y]) => since(x) - since(y) || (a < b ? -1 : 1));
    const left = [...this.#remotes.values()].filter(
      ({ order, accepted }) => order === null && accepted.size > 0,
    );
    const from = left.length > 0 ? 0 : ordered.findIndex(([rcc]) => touched.has(rcc));
    const again = from < 0 ? [] : ordered.slice(from);
    for (const remote of [...left, ...again.map(([, one]) => one)])
      for (const { mac, address } of remote.accepted.values())
        for (const id of [mac, address]) this.#taken.delete(id);
    for (const remote of left) remote.accepted = new Map();
    return again.flatMap(([rcc, remote]) => {
      const pools = new RangeSet(poolsOf(remote.pools));
      const { vteps, unrouted } = acceptVteps(remote.nodes.values(), pools, this.#taken);
      const isMoved = !sameVteps(vteps, remote.accepted);
      remote.accepted = vteps;
      remote.unrouted = unrouted;
      return isMoved ? [rcc] : [];
    });
  }

  *#changesOf(rcc: string, remote: RoutedRemote): Generator<RouteChange> {
    const wanted = this.#wanted(rcc, remote);
    for (const [id, before] of remote.told) {
      const after = wanted.get(id) ?? null;
      if (after !== null && isSameItem(before, after)) continue;
      if (after !== null && losesFamily(before, after)) this.#rest(id, rcc);
      if (after === null || this.#resting.has(id)) {
        remote.told.delete(id);
        yield { before, after: null };
      } else {
        remote.told.set(id, after);
        yield { before, after };
      }
    }
    for (const [id, after] of wanted) {
      if (remote.told.has(id) || this.#resting.has(id)) continue;
      remote.told.set(id, after);
      yield { before: null, after };
    }
  }

  #rest(id: string, rcc: string): void {
    this.#resting.get(id)?.();
    const cancel = this.#ports.after(REST_MS, () => {
      this.#resting.delete(id);
      this.#decide(new Set([rcc]), false);
    });
    this.#resting.set(id, cancel);
  }

  #wanted(rcc: string, remote: RoutedRemote): Map<string, RouteItem> {
    const wanted = new Map<string, RouteItem>();
    remote.routes = 0;
    if (remote.order === null) return wanted;
    const vteps = remote.accepted;
    for (const node of remote.nodes.values()) {
      const own = FAMILIES.flatMap((family) => vteps.get(vtepId(family, node.name)) ?? []);
      if (own.length > 0)
        wanted.set(`${rcc} ${node.name}`, { kind: "node", rcc, node, vteps: own });
    }
    // fault: routes-before-commit
    if (remote.order.phase !== "commit") return wanted;
    const pools = new RangeSet(poolsOf(remote.pools));
    for (const block of remote.blocks.values()) {
      const routes = [...routesOf(block, vteps, pools)].filter((planned) => !("reason" in planned));
      remote.routes += routes.length;
      if (routes.length > 0)
        wanted.set(`${rcc} ${block.cidr}`, { kind: "block", rcc, block, vteps });
    }
    return wanted;
  }
}

function keep(remote: RoutedRemote, op: "put" | "delete", record: CalicoRecord): void {
  if (record.kind === "Node")
    if (op === "put") remote.nodes.set(record.name, record);
    else remote.nodes.delete(record.name);
  else if (record.kind === "IPAMBlock")
    if (op === "put") remote.blocks.set(record.cidr, record);
    else remote.blocks.delete(record.cidr);
  else if (record.kind === "IPPool")
    if (op === "put") remote.pools.set(record.cidr, isForPods(record.allowedUses));
    else remote.pools.delete(record.cidr);
}

function poolsOf(pools: ReadonlyMap<string, boolean>): string[] {
  return [...pools].flatMap(([cidr, holdsPods]) => (holdsPods ? [cidr] : []));
}

function isIn(text: string, set: RangeSet): boolean {
  const cidr = parseCidr(text);
  return cidr !== null && set.contains(cidr);
}

function since({ order }: RoutedRemote): number {
  return order?.since ?? Infinity;
}

function isSame(a: OverlayOrder | null, b: OverlayOrder | null): boolean {
  return a?.phase === b?.phase && a?.since === b?.since;
}
