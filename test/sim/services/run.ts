/** Runs of services, of seeds of their own: actions, then peace. [SIM8] */
import { Rng } from "../random.ts";
import { CLUSTERS, ServicesWorld } from "./world.ts";
import type { ServicesFailure } from "./world.ts";

export interface ServicesAction {
  readonly name: ServicesActionName;
  readonly seed: number;
  readonly thenMs: number;
}

type Run = (world: ServicesWorld, rng: Rng) => void;

function many(world: ServicesWorld, rng: Rng): void {
  const cluster = rng.pick(CLUSTERS);
  for (let n = 0; n < 150; n++) world.putEndpoint(cluster, cluster, rng);
}

const KINDS = {
  "endpoint put": [
    10,
    (world, rng) => ((of) => world.putEndpoint(of, of, rng))(rng.pick(CLUSTERS)),
  ],
  "many endpoints put": [3, many],
  "foreign endpoint put": [
    3,
    (world, rng) => world.putEndpoint(rng.pick(CLUSTERS), rng.pick(CLUSTERS), rng),
  ],
  "something deleted": [10, (world, rng) => world.deleteSome(rng.pick(CLUSTERS), rng)],
  "service put": [6, (world, rng) => world.putService(rng.pick(CLUSTERS), rng)],
  "service exported": [4, (world, rng) => world.export(rng.pick(CLUSTERS), rng)],
  grant: [3, (world, rng) => world.grant(rng.pick(CLUSTERS), true)],
  revoke: [2, (world, rng) => world.grant(rng.pick(CLUSTERS), false)],
  "annotation put or taken away": [1, (world, rng) => world.ask(rng.chance(0.6))],
  "writer ends": [3, (world) => world.restart()],
  "watch catches up": [3, (world) => world.look()],
  "changes arrive": [12, (world, rng) => world.deliver(1 + rng.below(60), rng)],
  written: [12, (world, rng) => world.write(1 + rng.below(6), rng)],
  "all quiet": [2, (world, rng) => world.heal(rng)],
} as const satisfies Record<string, readonly [number, Run]>;

export type ServicesActionName = keyof typeof KINDS;

const NAMES = Object.keys(KINDS) as ServicesActionName[];

export function servicesActionsOf(seed: number): readonly ServicesAction[] {
  const rng = new Rng(seed);
  const weighted = NAMES.flatMap((name) => Array.from({ length: KINDS[name][0] }, () => name));
  const own = { seed: rng.below(2 ** 31), thenMs: 0 };
  const begin = (["service put", "many endpoints put", "service exported"] as const).map(
    (name): ServicesAction => ({ ...own, name, seed: rng.below(2 ** 31) }),
  );
  const more = Array.from({ length: 60 + rng.below(60) }, (): ServicesAction => {
    const name = rng.pick(weighted);
    return { ...own, name, seed: rng.below(2 ** 31) };
  });
  return [...begin, ...more];
}

/** `null`: all guarantees hold. */
export function runServices(
  seed: number,
  actions: readonly { readonly name: string; readonly seed: number }[],
): ServicesFailure | null {
  const world = new ServicesWorld();
  for (const action of actions) {
    const kind = KINDS[action.name as ServicesActionName];
    kind[1](world, new Rng(action.seed));
    if (world.failure !== null) return world.failure;
  }
  world.heal(new Rng(seed));
  return world.failure;
}
