/**
 * What may happen in a run. A seed expands to a list of actions, each with a seed of its own for
 * all that follows from it.
 */
import type { CalicoRecord, IPPool, Node, WorkloadEndpoint } from "../../shared/record/record.ts";
import { keyOf } from "../../shared/record/key.ts";
import { node, pod, pool } from "../support/records.ts";
import { isShownAction, SHOWN_ACTION_NAMES, SHOWN_ACTIONS } from "./hub-services.ts";
import type { ShownActionName } from "./hub-services.ts";
import type { Member, MeshWorld } from "./mesh-world.ts";
import { podRange } from "./mesh-world.ts";
import { isRouteAction, ROUTE_ACTION_NAMES, ROUTE_ACTIONS } from "./overlay.ts";
import type { RouteActionName } from "./overlay.ts";
import { Rng } from "./random.ts";
import { isRangeAction, RANGE_ACTION_NAMES, RANGE_ACTIONS } from "./ranges.ts";
import type { RangeActionName } from "./ranges.ts";
import type { RelayProcess } from "./relay-process.ts";
import { SCOPES } from "./scopes.ts";
import { MOVE_ACTION, moveFelix } from "./felix-moves.ts";
import { isNestedAction, NESTED_ACTION_NAMES, NESTED_ACTIONS } from "./nested-pools.ts";
import type { NestedActionName } from "./nested-pools.ts";
import {
  drawsMoves,
  drawsNested,
  drawsRanges,
  drawsRolling,
  drawsRoutes,
  drawsServices,
  drawsServicesAlone,
  drawsWatched,
} from "./seeds.ts";
import { servicesActionsOf } from "./services/run.ts";
import type { ServicesActionName } from "./services/run.ts";
import { isWatchedAction, WATCHED_ACTION_NAMES, WATCHED_ACTIONS } from "./watched.ts";
import type { WatchedActionName } from "./watched.ts";

export interface Action {
  readonly name:
    | ActionName
    | RangeActionName
    | RouteActionName
    | ServicesActionName
    | ShownActionName
    | NestedActionName
    | WatchedActionName
    | typeof MOVE_ACTION;
  readonly seed: number;
  /** Milliseconds that pass afterwards. */
  readonly thenMs: number;
}

type Run = (mesh: MeshWorld, rng: Rng) => void | Promise<void>;

interface Kind {
  readonly weight: number;
  readonly run: Run;
}

const PODS = 24;
const ADDRESSES = 30;

function member(mesh: MeshWorld, rng: Rng): Member {
  return rng.pick(mesh.members);
}

/** Any, or one of those that are wanted where there are such. */
function relayOf(
  mesh: MeshWorld,
  rng: Rng,
  isWanted: (relay: RelayProcess) => boolean = () => true,
) {
  const all = mesh.members.flatMap((owner) => owner.relays.map((relay) => ({ owner, relay })));
  const wanted = all.filter(({ relay }) => isWanted(relay));
  return rng.pick(wanted.length > 0 ? wanted : all);
}

function origin(mesh: MeshWorld, rng: Rng) {
  const hosts = [...mesh.hub.origins.values()];
  return rng.pick(hosts);
}

function wire(mesh: MeshWorld, rng: Rng) {
  const { wires } = mesh;
  return wires.length === 0 ? undefined : rng.pick(wires);
}

/**
 * A pod of the place: its name says nothing of its address, so that addresses move between pods.
 */
function podOf(owner: Member, rng: Rng): WorkloadEndpoint {
  const { number } = owner.place;
  return pod(`w${rng.below(PODS)}`, `10.${number}.0.${1 + rng.below(ADDRESSES)}`, {
    v: String(rng.below(1_000_000)),
  });
}

function putPods(owner: Member, rng: Rng, count: number): void {
  for (let n = 0; n < count; n++) owner.place.put(podOf(owner, rng), true);
}

/** So many frames that the log is folded, while readers come, go and repair. */
async function putForAWhile(mesh: MeshWorld, rng: Rng): Promise<void> {
  const owner = member(mesh, rng);
  for (let n = 0; n < 12; n++) {
    putPods(owner, rng, 1 + rng.below(3));
    await mesh.world.advance(4 + rng.below(12));
  }
}

function somePod(owner: Member, rng: Rng): string | undefined {
  const keys = [...owner.place.held].filter(([, { record }]) => record.kind === "WorkloadEndpoint");
  return keys.length === 0 ? undefined : rng.pick(keys)[0];
}

/** An address goes from one pod to another, told in any order, with or without time between. */
function moveAddress(owner: Member, rng: Rng): void {
  const old = somePod(owner, rng);
  const held = old === undefined ? undefined : owner.place.held.get(old);
  if (old === undefined || held?.record.kind !== "WorkloadEndpoint") return;
  const { record } = held;
  const next: CalicoRecord = {
    ...record,
    name: `w${rng.below(PODS)}`,
    labels: { ...record.labels, v: String(rng.below(1_000_000)) },
  };
  const steps = [
    (): void => owner.place.put(next, held.state.isOwn),
    (): void => owner.place.delete(old),
  ];
  if (keyOf(next) === old) steps.pop();
  if (rng.chance(0.5)) steps.reverse();
  for (const step of steps) step();
}

function poolOf(owner: Member): IPPool {
  return pool(podRange(owner.place.number));
}

/** A node with an address of its own, or with one of the first place's pods. */
function nodeOf(owner: Member, rng: Rng): { readonly record: Node; readonly isOwn: boolean } {
  const { number } = owner.place;
  const isOwn = number === 0 || rng.chance(0.7);
  const ip = isOwn ? `172.16.${number}.${1 + rng.below(5)}` : `10.0.0.${1 + rng.below(ADDRESSES)}`;
  return { record: node(`n${rng.below(4)}`, { internalIPs: [ip] }), isOwn };
}

/** No room, or for a few writes only, and something to write. */
function quietDisk(mesh: MeshWorld, rng: Rng): void {
  const owner = member(mesh, rng);
  if (owner.identity === null) return;
  const host = mesh.hub.origin(owner.identity.membership.cluster.uid);
  host.sql.writesLeft = rng.below(6);
  putPods(owner, rng, 4);
  mesh.world.after(rng.below(400), () => (host.sql.writesLeft = null));
}

/** An older copy comes back and goes on otherwise, while a reader is away that had seen more. */
async function forkHistory(mesh: MeshWorld, rng: Rng): Promise<void> {
  const owner = member(mesh, rng);
  if (owner.identity === null) return;
  const host = mesh.hub.origin(owner.identity.membership.cluster.uid);
  host.keepCopy();
  putPods(owner, rng, 2);
  await mesh.world.advance(400);
  for (const { place, relays } of mesh.members)
    if (place !== owner.place) for (const relay of relays) relay.kill();
  host.putBack(false);
  await mesh.world.advance(1_500);
  for (let n = 0; n < 4; n++) {
    putPods(owner, rng, 1);
    await mesh.world.advance(60);
  }
}

/**
 * From the backup that there is; else from one that is made now, and what comes then is lost to the
 * hub.
 */
async function restoreHub(mesh: MeshWorld, rng: Rng): Promise<void> {
  if (!mesh.hasBackup) {
    await mesh.backup();
    putPods(member(mesh, rng), rng, 3);
    await mesh.world.advance(rng.below(600));
  }
  mesh.restore(rng.below(3_000));
}

/**
 * What is shown to somebody who reads changes again and again, while what is shown changes: logs
 * are folded behind readers that move between them.
 */
async function rescopeForAWhile(mesh: MeshWorld, rng: Rng): Promise<void> {
  const { pairs } = mesh;
  if (pairs.length === 0) return;
  const { origin: of, reader } = rng.pick(pairs);
  for (let n = 0; n < 2; n++) {
    mesh.rescope(of, reader, rng.pick([null, ...SCOPES]));
    await mesh.world.advance(rng.below(1_500));
    putPods(of, rng, 1 + rng.below(4));
    await mesh.world.advance(rng.below(200));
    putPods(of, rng, 2);
  }
}

async function addAgain(mesh: MeshWorld, rng: Rng): Promise<void> {
  // The first place's ranges are given; were it gone, others could claim them.
  const gone = rng.pick(mesh.members.slice(1));
  if (gone.identity === null) {
    for (const relay of gone.relays) relay.kill();
    await mesh.join(gone);
  } else mesh.remove(gone);
}

const KINDS = {
  "pods put": { weight: 12, run: (mesh, rng) => putPods(member(mesh, rng), rng, 1 + rng.below(3)) },
  "many pods put": { weight: 3, run: (mesh, rng) => putPods(member(mesh, rng), rng, 12) },
  "pods put for a while": { weight: 6, run: putForAWhile },
  "pod deleted": {
    weight: 10,
    run: (mesh, rng) => {
      const owner = member(mesh, rng);
      const key = somePod(owner, rng);
      if (key !== undefined) owner.place.delete(key);
    },
  },
  "address moved": { weight: 6, run: (mesh, rng) => moveAddress(member(mesh, rng), rng) },
  "pod flaps": {
    weight: 4,
    run: async (mesh, rng) => {
      const owner = member(mesh, rng);
      const record = podOf(owner, rng);
      for (let n = 0; n < 14; n++) {
        owner.place.put({ ...record, labels: { ...record.labels, n: String(n) } }, true);
        if (n % 3 === 2) owner.place.delete(keyOf(record));
        await mesh.world.advance(8);
      }
    },
  },
  "foreign pod put": {
    weight: 3,
    run: (mesh, rng) => {
      const owner = member(mesh, rng);
      const ip =
        owner.place.number === 0 || rng.chance(0.3)
          ? "127.0.0.7"
          : `10.0.0.${1 + rng.below(ADDRESSES)}`;
      owner.place.put(pod(`w${rng.below(PODS)}`, ip, { v: String(rng.below(1_000_000)) }), false);
    },
  },
  "pool put": {
    weight: 3,
    run: (mesh, rng) => ((owner) => owner.place.put(poolOf(owner), true))(member(mesh, rng)),
  },
  "pool deleted": {
    weight: 1,
    run: (mesh, rng) => ((owner) => owner.place.delete(keyOf(poolOf(owner))))(member(mesh, rng)),
  },
  "node put": {
    weight: 5,
    run: (mesh, rng) => {
      const owner = member(mesh, rng);
      const { record, isOwn } = nodeOf(owner, rng);
      owner.place.put(record, isOwn);
    },
  },
  "node deleted": {
    weight: 2,
    run: (mesh, rng) => member(mesh, rng).place.delete(keyOf(node(`n${rng.below(4)}`))),
  },
  "source lists again": { weight: 3, run: (mesh, rng) => member(mesh, rng).place.relist() },
  "connection cut": { weight: 6, run: (mesh, rng) => wire(mesh, rng)?.cut() },
  "reader stalls": {
    weight: 4,
    run: (mesh, rng) => {
      const stalled = wire(mesh, rng);
      if (stalled !== undefined) stalled.stalledUntilMs = mesh.world.now + rng.below(6_000);
    },
  },
  "relay killed": {
    weight: 4,
    run: (mesh, rng) => {
      const { relay } = relayOf(mesh, rng);
      relay.kill();
    },
  },
  "relay's machine fails": {
    weight: 3,
    run: (mesh, rng) => {
      const { relay } = relayOf(mesh, rng);
      relay.kill();
      relay.tearFiles();
    },
  },
  "relay started": {
    weight: 8,
    run: (mesh, rng) => {
      const { owner, relay } = relayOf(mesh, rng);
      if (owner.identity !== null && !relay.isAlive) relay.start(owner.identity);
    },
  },
  "relay's disk copied": { weight: 2, run: (mesh, rng) => relayOf(mesh, rng).relay.keepCopy() },
  "relay's disk put back": {
    weight: 2,
    run: (mesh, rng) => {
      const { owner, relay } = relayOf(mesh, rng, ({ hasCopy }) => hasCopy);
      if (!relay.hasCopy) return;
      relay.kill();
      relay.putBack();
      if (owner.identity !== null && rng.chance(0.7)) relay.start(owner.identity);
    },
  },
  "leader changes": {
    weight: 3,
    run: (mesh, rng) => {
      const owner = mesh.members.at(-1) as Member;
      const { identity } = owner;
      if (identity === null) return;
      const next = rng.pick(owner.relays);
      if (next.isAlive) next.kill();
      next.start(identity);
    },
  },
  "object sleeps": { weight: 10, run: (mesh, rng) => origin(mesh, rng).evict() },
  "object sleeps and forgets": {
    weight: 6,
    run: (mesh, rng) => origin(mesh, rng).evictForgetting(),
  },
  "all objects sleep": {
    weight: 3,
    run: (mesh) => {
      for (const host of mesh.hub.origins.values()) host.evict();
    },
  },
  "object dies": { weight: 5, run: (mesh, rng) => origin(mesh, rng).die() },
  "mesh object dies": { weight: 2, run: (mesh) => mesh.hub.killMesh() },
  "hub killed": { weight: 3, run: (mesh, rng) => mesh.hub.kill(rng.below(3_000)) },
  "storage copied": { weight: 4, run: (mesh, rng) => origin(mesh, rng).keepCopy() },
  "storage put back": { weight: 2, run: (mesh, rng) => origin(mesh, rng).putBack(false) },
  "history forks": { weight: 2, run: forkHistory },
  "storage lost": { weight: 1, run: (mesh, rng) => origin(mesh, rng).putBack(true) },
  "hub backed up": { weight: 3, run: (mesh) => mesh.backup() },
  "hub restored": { weight: 2, run: restoreHub },
  "disk full": { weight: 2, run: quietDisk },
  "clock jumps": {
    weight: 2,
    run: (mesh, rng) => mesh.hub.jump((rng.chance(0.5) ? -1 : 1) * rng.below(7_200_000)),
  },
  grant: { weight: 5, run: (mesh, rng) => mesh.grant(member(mesh, rng), member(mesh, rng), true) },
  revoke: {
    weight: 5,
    run: (mesh, rng) => mesh.grant(member(mesh, rng), member(mesh, rng), false),
  },
  "grant narrowed or widened": {
    weight: 5,
    run: (mesh, rng) =>
      mesh.rescope(member(mesh, rng), member(mesh, rng), rng.pick([null, ...SCOPES])),
  },
  "grant changed for a while": { weight: 3, run: rescopeForAWhile },
  "RCC applied": {
    weight: 6,
    run: (mesh, rng) => mesh.applyRcc(member(mesh, rng), `r${rng.below(2)}`, member(mesh, rng)),
  },
  "RCC deleted": {
    weight: 2,
    run: (mesh, rng) => mesh.deleteRcc(member(mesh, rng), `r${rng.below(2)}`),
  },
  "RCC labelled otherwise": {
    weight: 3,
    run: (mesh, rng) => mesh.relabelRcc(member(mesh, rng), `r${rng.below(2)}`),
  },
  "cluster removed or added again": { weight: 2, run: addAgain },
  "key renewed": { weight: 1, run: (mesh, rng) => mesh.renewKey(member(mesh, rng)) },
  "all quiet": { weight: 3, run: (mesh, rng) => mesh.world.advance(1_000 + rng.below(4_000)) },
} as const satisfies Record<string, Kind>;

export type ActionName = keyof typeof KINDS;

export const ACTION_NAMES = Object.keys(KINDS) as ActionName[];
const TOTAL = ACTION_NAMES.reduce((sum, name) => sum + KINDS[name].weight, 0);

export function runAction(mesh: MeshWorld, action: Action): void | Promise<void> {
  const { name } = action;
  const { run } =
    name === MOVE_ACTION
      ? { run: moveFelix }
      : isRouteAction(name)
        ? ROUTE_ACTIONS[name]
        : isWatchedAction(name)
          ? WATCHED_ACTIONS[name]
          : isShownAction(name)
            ? SHOWN_ACTIONS[name]
            : isNestedAction(name)
              ? NESTED_ACTIONS[name]
              : isRangeAction(name)
                ? RANGE_ACTIONS[name]
                : KINDS[name as ActionName];
  return run(mesh, new Rng(action.seed));
}

/**
 * What a seed stands for. Some seeds leave kinds out altogether, so that others come in rows that
 * they would otherwise interrupt.
 */
export function actionsOf(seed: number): {
  readonly places: number;
  readonly actions: readonly Action[];
} {
  if (drawsServicesAlone(seed)) return { places: 0, actions: servicesActionsOf(seed) };
  const rng = new Rng(seed);
  if (drawsRolling(seed)) return { places: 2, actions: rollingActions(rng) };
  const absent = new Set(ACTION_NAMES.filter(() => rng.chance(0.25)));
  const places = 2 + rng.below(2);
  const count = 36 + rng.below(36);
  const actions = Array.from({ length: count }, (): Action => {
    let name = pickName(rng);
    for (let tries = 0; absent.has(name) && tries < 20; tries++) name = pickName(rng);
    const routes = drawsRoutes(seed) && rng.chance(0.35) ? rng.pick(ROUTE_ACTION_NAMES) : null;
    const thenMs = rng.chance(0.3) ? 0 : rng.chance(0.8) ? rng.below(150) : rng.below(2_000);
    const moves = drawsMoves(seed) && rng.chance(0.4) ? MOVE_ACTION : null;
    const watched = drawsWatched(seed) && rng.chance(0.35) ? rng.pick(WATCHED_ACTION_NAMES) : null;
    const services = drawsServices(seed) && rng.chance(0.5) ? rng.pick(SHOWN_ACTION_NAMES) : null;
    const nested = drawsNested(seed) && rng.chance(0.35) ? rng.pick(NESTED_ACTION_NAMES) : null;
    const ranges = drawsRanges(seed) && rng.chance(0.3) ? rng.pick(RANGE_ACTION_NAMES) : null;
    return {
      name: nested ?? ranges ?? services ?? watched ?? moves ?? routes ?? name,
      seed: rng.below(2 ** 31),
      thenMs,
    };
  });
  return { places, actions };
}

const ROLLS = 20;

/** Rolling restarts, between which pods change. */
function rollingActions(rng: Rng): Action[] {
  return Array.from({ length: ROLLS }, (): Action[] =>
    (["rolling restart", "pods put"] as const).map((name) => ({
      name,
      seed: rng.below(2 ** 31),
      thenMs: rng.below(2_000),
    })),
  ).flat();
}

function pickName(rng: Rng): ActionName {
  let left = rng.below(TOTAL);
  for (const name of ACTION_NAMES) {
    left -= KINDS[name].weight;
    if (left < 0) return name;
  }
  throw new Error("BUG: weights do not add up");
}
