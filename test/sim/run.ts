/** One run: a seed's actions, then peace, then the judgement. */
import { actionsOf, runAction } from "./actions.ts";
import type { Action } from "./actions.ts";
import type { Moment } from "./history.ts";
import { runServices } from "./services/run.ts";
import { MeshWorld } from "./mesh-world.ts";
import { beginServices } from "./hub-services.ts";
import { beginRoutes } from "./overlay.ts";
import { Rng } from "./random.ts";
import {
  drawsRolling,
  drawsRoutes,
  drawsServices,
  drawsServicesAlone,
  drawsWatched,
} from "./seeds.ts";
import { VALIDATORS } from "./validators/index.ts";
import type { Violation } from "./validators/validator.ts";

export interface Failure extends Violation {
  readonly validator: string;
}

export interface Outcome {
  readonly failure: Failure | null;
  readonly history: readonly Moment[];
}

/** Runs actions from a fresh mesh; the same arguments give the same history. */
export async function run(
  seed: number,
  places: number,
  actions: readonly Action[],
): Promise<Outcome> {
  if (drawsServicesAlone(seed)) return runOfServices(seed, actions);
  const mesh = await MeshWorld.make(seed, places);
  try {
    begin(mesh, seed);
    for (const action of actions) {
      mesh.world.rng = new Rng(action.seed ^ 0x5bd1e995);
      mesh.history.add({ what: "action", name: action.name });
      await runAction(mesh, action);
      await mesh.world.advance(action.thenMs);
      for (const { relays } of mesh.members) for (const relay of relays) relay.look();
    }
    mesh.world.rng = new Rng(seed);
    mesh.history.add({ what: "action", name: "(everything heals)" });
    await mesh.heal();
    if (drawsWatched(seed) && !drawsRolling(seed)) await mesh.probe();
    mesh.tellQuiet();
  } catch (error) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    mesh.history.add({ what: "thrown", where: "the run", error: text });
  } finally {
    mesh.close();
  }
  const history = mesh.history.moments;
  for (const validator of VALIDATORS) {
    const violation = validator.validate(history);
    if (violation !== null)
      return { failure: { validator: validator.name, ...violation }, history };
  }
  return { failure: null, history };
}

function runOfServices(seed: number, actions: readonly Action[]): Outcome {
  const history = actions.map(({ name }, atMs): Moment => ({
    atMs,
    it: { what: "action", name: `services: ${name}` },
  }));
  const failure = runServices(seed, actions);
  return { failure: failure === null ? null : { ...failure, atMs: actions.length }, history };
}

export async function runSeed(seed: number): Promise<Outcome> {
  const { places, actions } = actionsOf(seed);
  return run(seed, places, actions);
}

/** Most runs begin with clusters that have something and see the first. */
function begin(mesh: MeshWorld, seed: number): void {
  const rng = new Rng(seed ^ 0x2545f491);
  if (drawsRoutes(seed)) beginRoutes(mesh, rng);
  if (drawsServices(seed)) beginServices(mesh, rng);
  if (drawsRolling(seed)) mesh.history.add({ what: "calm" });
  for (const member of mesh.members) {
    if (rng.chance(0.8)) member.place.settle();
    const [first] = mesh.members;
    if (first === undefined || member === first || rng.chance(0.2)) continue;
    mesh.applyRcc(member, "r0", first);
    mesh.grant(first, member, true);
  }
}
