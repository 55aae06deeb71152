/**
 * A Felix goes from one relay of its cluster to another, while pods change; or to one that was away
 * meanwhile, and has just come back. [TYP25]
 */
import { pod } from "../support/records.ts";
import type { MeshWorld } from "./mesh-world.ts";
import type { Rng } from "./random.ts";
import type { RelayProcess } from "./relay-process.ts";

export const MOVE_ACTION = "Felix moves";

const PODS = 8;
/** A relay that has come back is heard of by then, or not. */
const BACK_MS = 120;

/** Of all places, so that the one that is read changes too. */
async function churn(mesh: MeshWorld, rng: Rng, times: number): Promise<void> {
  for (let n = 0; n < times; n++) {
    for (const { place } of mesh.members) {
      const at = rng.below(PODS);
      const labels = { v: String(rng.below(1_000_000)) };
      place.put(pod(`m${at}`, `10.${place.number}.1.${1 + at}`, labels), true);
    }
    await mesh.world.advance(4 + rng.below(30));
  }
}

export async function moveFelix(mesh: MeshWorld, rng: Rng): Promise<void> {
  const { identity, relays } = rng.pick(mesh.members.filter((one) => one.relays.length > 1));
  if (identity === null) return;
  const from = rng.pick(relays);
  const to = rng.pick(relays.filter((relay) => relay !== from));
  const start = (relay: RelayProcess): void => {
    if (!relay.isAlive) relay.start(identity);
  };
  start(from);
  if (rng.chance(0.5)) {
    to.kill();
    await churn(mesh, rng, 24);
    start(to);
    await mesh.world.advance(rng.below(BACK_MS));
  } else {
    start(to);
    await churn(mesh, rng, 1 + rng.below(6));
  }
  if (from.isAlive && to.isAlive) to.takeOver(from);
}
