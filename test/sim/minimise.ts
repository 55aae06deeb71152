/**
 * Delta debugging: the shortest list of actions found that still breaks the same guarantee. Actions
 * carry their own seeds, so leaving one out leaves the others.
 */
import type { Action } from "./actions.ts";
import { run } from "./run.ts";

/** Runs that may be spent on it. */
const MAX_RUNS = 150;

export async function minimise(
  seed: number,
  places: number,
  actions: readonly Action[],
  validator: string,
): Promise<readonly Action[]> {
  let runs = 0;
  const stillFails = async (tried: readonly Action[]): Promise<boolean> => {
    runs++;
    return (await run(seed, places, tried)).failure?.validator === validator;
  };
  let kept = actions;
  for (
    let size = Math.ceil(kept.length / 2);
    size >= 1;
    size = size === 1 ? 0 : Math.ceil(size / 2)
  )
    for (let at = 0; at < kept.length && runs < MAX_RUNS;) {
      const without = [...kept.slice(0, at), ...kept.slice(at + size)];
      if (await stillFails(without)) kept = without;
      else at += size;
    }
  return kept;
}
