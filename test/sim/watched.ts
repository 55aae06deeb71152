/**
 * What happens besides where operators watch: clusters are suspended, go dark and come back, their
 * lists lack what is there, and hub and relays are restarted one after the other.
 */
import type { Member, MeshWorld } from "./mesh-world.ts";
import type { Rng } from "./random.ts";

/** Within this a loss is to be told. [EVT1] */
const TOLD_WITHIN_MS = 30_000;
/** So that what was under way has ended. */
const SETTLE_MS = 6_000;
/** Shorter than the time for which withdrawals are held here. */
const HIDDEN_MS = 1_200;
const RELIST_MS = 2_500;
/** Pods of an image that is there already. */
const RESTART_MS = 10_000;
const HUB_RESTART_MS = 8_000;

type Run = (mesh: MeshWorld, rng: Rng) => void | Promise<void>;

/** All relays of a cluster end, and stay away for as long as telling it may take. */
async function goDark(mesh: MeshWorld, rng: Rng): Promise<void> {
  const { hub, world, history } = mesh;
  const member = rng.pick(mesh.members);
  const { identity, relays } = member;
  if (identity === null) return;
  const { uid } = identity.membership.cluster;
  const { lossRate } = hub;
  hub.lossRate = 0;
  await world.advance(SETTLE_MS);
  // One that was not heard just now is dark already, or for another reason.
  const wasHeard = hub.isUp && hub.origin(uid).heardMs > world.now - 500;
  const sinceMs = world.now;
  for (const relay of relays) relay.kill();
  await world.advance(TOLD_WITHIN_MS);
  if (wasHeard) history.add({ what: "dark", uid, sinceMs });
  hub.lossRate = lossRate;
  if (rng.chance(0.8)) relays[0]?.start(identity);
}

/**
 * A list lacks every pod, for less than the time for which that is held. No two have one address:
 * the one that is listed again first would take it from the other. [PUB4]
 */
async function hideFromLists(mesh: MeshWorld, rng: Rng): Promise<void> {
  const { place } = rng.pick(mesh.members);
  const taken = new Set<string>();
  for (const [key, { record, state }] of Array.from(place.held)) {
    if (record.kind !== "WorkloadEndpoint") continue;
    if (state.ips.some((ip) => taken.has(ip))) place.delete(key);
    for (const ip of state.ips) taken.add(ip);
  }
  await mesh.world.advance(50);
  place.isHiding = true;
  place.relist();
  await mesh.world.advance(rng.below(HIDDEN_MS));
  place.isHiding = false;
  place.relist();
  await mesh.world.advance(RELIST_MS);
}

/** One relay after the other is replaced, then the hub, as a rolling update does. */
async function roll(mesh: MeshWorld, rng: Rng): Promise<void> {
  for (const { identity, relays } of mesh.members)
    for (const relay of relays) {
      if (identity === null) continue;
      relay.kill();
      await mesh.world.advance(rng.below(RESTART_MS));
      relay.start(identity);
      await mesh.world.advance(rng.below(5_000));
    }
  mesh.hub.kill(rng.below(HUB_RESTART_MS));
  await mesh.world.advance(HUB_RESTART_MS + rng.below(5_000));
}

function suspend(mesh: MeshWorld, rng: Rng, isSuspended: boolean): void {
  mesh.suspend(rng.pick(mesh.members), isSuspended);
}

export const WATCHED_ACTIONS = {
  "cluster suspended": { run: (mesh, rng) => suspend(mesh, rng, true) },
  "cluster resumed": { run: (mesh, rng) => suspend(mesh, rng, false) },
  "cluster suspended for a while": {
    run: async (mesh, rng) => {
      const member: Member = rng.pick(mesh.members);
      mesh.suspend(member, true);
      await mesh.world.advance(rng.below(3_000));
      mesh.suspend(member, false);
    },
  },
  "cluster goes dark": { run: goDark },
  "lists lack every pod": { run: hideFromLists },
  "pods go unseen": { run: (mesh, rng) => rng.pick(mesh.members).place.empty() },
  "rolling restart": { run: roll },
} as const satisfies Record<string, { readonly run: Run }>;

export type WatchedActionName = keyof typeof WATCHED_ACTIONS;

export const WATCHED_ACTION_NAMES = Object.keys(WATCHED_ACTIONS) as WatchedActionName[];

export function isWatchedAction(name: string): name is WatchedActionName {
  return name in WATCHED_ACTIONS;
}
