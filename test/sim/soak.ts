/**
 * Runs seeds: `npm run soak` for ever, `npm run soak -- --minutes 60`, `npm run soak -- --from 1 --seeds 500`. Says every minute how far it is. Stops at the first
 * failure, prints its seed, the guarantee that is broken and the shortest history found, and ends with 1. With `--mutant NAME` a planted bug is
 * in the product, and it prints at which seed it was found and by which validator, as JSON.
 */
import { parseArgs } from "node:util";

import { actionsOf } from "./actions.ts";
import { minimise } from "./minimise.ts";
import { run, runSeed } from "./run.ts";
import { storyOf } from "./story.ts";

const MINUTE_MS = 60_000;

const { values } = parseArgs({
  options: {
    from: { type: "string", default: "1" },
    seeds: { type: "string" },
    minutes: { type: "string" },
    mutant: { type: "string" },
    /** Does not look for the shortest history. */
    quick: { type: "boolean", default: false },
  },
});
const from = Number(values.from);
const until = values.seeds === undefined ? Number.POSITIVE_INFINITY : from + Number(values.seeds);
const begunMs = performance.now();
const untilMs =
  values.minutes === undefined
    ? Number.POSITIVE_INFINITY
    : begunMs + Number(values.minutes) * MINUTE_MS;

let toldMs = begunMs;
let seed = from;
for (; seed < until && performance.now() < untilMs; seed++) {
  const { failure, history } = await runSeed(seed);
  if (failure !== null && values.mutant !== undefined) {
    console.log(JSON.stringify({ seed, validator: failure.validator }));
    process.exit(1);
  }
  if (failure !== null) {
    const { places, actions } = actionsOf(seed);
    const least = values.quick ? actions : await minimise(seed, places, actions, failure.validator);
    const again = await run(seed, places, least);
    console.log(
      storyOf(
        seed,
        again.failure ?? failure,
        least,
        again.failure === null ? history : again.history,
      ),
    );
    process.exit(1);
  }
  if (performance.now() - toldMs < MINUTE_MS) continue;
  toldMs = performance.now();
  const minutes = Math.round((toldMs - begunMs) / MINUTE_MS);
  console.log(`${minutes} min: seeds ${from} to ${seed} hold`);
}
console.log(`${seed - from} seeds hold, ${from} to ${seed - 1}`);
