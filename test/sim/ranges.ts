/**
 * An operator takes a range of the first place away and gives it back, while endpoints of Services
 * come and go in it. Nothing is taken where something admitted lies in it; what comes while it is
 * not the cluster's is refused, and what came meanwhile is judged again. Seeds of a range of their
 * own draw it. [SIM13]
 */
import { endpoint } from "../support/federated.ts";
import { isInTaken } from "./addresses.ts";
import type { MeshWorld } from "./mesh-world.ts";
import type { Place } from "./place.ts";
import type { Rng } from "./random.ts";

/** So many that most of them never come while it is the place's. */
const ADDRESSES = 250;
/** The answer may wait for calls that are lost. */
const ANSWER_MS = 15_000;
const STEP_MS = 20;

function putIn(mesh: MeshWorld, place: Place, rng: Rng): void {
  const ports = [{ name: "sql", protocol: "tcp", port: 5432 } as const];
  const record = endpoint(rng.pick(["pg", "web"]), `10.200.0.${1 + rng.below(ADDRESSES)}`, {
    ports,
    notReady: rng.chance(0.2),
  });
  // Of another place it is nobody's, whoever has the range. Of the first one the Origin decides by
  // what it has heard: for a moment it may be its own still.
  place.put(record, place.number === 0);
  if (place.number === 0 && !mesh.hasTakenRange) place.remark(false, isInTaken);
}

function deleteIn(place: Place, rng: Rng, share: number): void {
  for (const [key, { record }] of Array.from(place.held))
    if (isInTaken(record) && rng.chance(share)) place.delete(key);
}

/** Asks, and goes on with what happens meanwhile until the hub has answered. */
async function change(mesh: MeshWorld, rng: Rng, isGiven: boolean): Promise<void> {
  const [first] = mesh.members;
  if (first === undefined || mesh.hasTakenRange === isGiven) return;
  const { place } = first;
  // Whatever comes of it: until the answer nobody knows whose they are.
  if (!isGiven) place.remark(false, isInTaken);
  place.remark(true, isInTaken);
  const answer = mesh.askForRanges(isGiven);
  const putsAt = rng.chance(0.4) ? rng.below(80) : null;
  for (let ms = 0; !answer.isThere && ms < ANSWER_MS; ms += STEP_MS) {
    if (putsAt !== null && ms <= putsAt && putsAt < ms + STEP_MS) {
      putIn(mesh, place, rng);
      place.remark(false, isInTaken);
      place.remark(true, isInTaken);
    }
    await mesh.world.advance(STEP_MS);
  }
  place.remark(mesh.hasTakenRange, isInTaken);
}

type Run = (mesh: MeshWorld, rng: Rng) => void | Promise<void>;

export const RANGE_ACTIONS = {
  "endpoints put in a range that comes and goes": {
    run: (mesh, rng) => {
      const any = rng.pick(mesh.members);
      const { place } = rng.chance(0.85) ? (mesh.members[0] ?? any) : any;
      for (let n = 0; n < 3; n++) putIn(mesh, place, rng);
    },
  },
  "endpoints deleted in a range that comes and goes": {
    run: (mesh, rng) => deleteIn(rng.pick(mesh.members).place, rng, 0.7),
  },
  "a range taken away": {
    run: async (mesh, rng) => {
      const [first] = mesh.members;
      if (first !== undefined && rng.chance(0.7)) deleteIn(first.place, rng, 1);
      await mesh.world.advance(rng.below(1_500));
      await change(mesh, rng, false);
    },
  },
  "a range given": { run: (mesh, rng) => change(mesh, rng, true) },
} as const satisfies Record<string, { readonly run: Run }>;

export type RangeActionName = keyof typeof RANGE_ACTIONS;

export const RANGE_ACTION_NAMES = Object.keys(RANGE_ACTIONS) as RangeActionName[];

export function isRangeAction(name: string): name is RangeActionName {
  return name in RANGE_ACTIONS;
}
