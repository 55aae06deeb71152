/**
 * Runs seeds: `npm run soak` for ever, `npm run soak -- --minutes 60`, `npm run soak -- --from 1
 * --seeds 500`. Says every minute how far it is. Stops at the first failure, prints its seed, the
 * guarantee that is broken and the shortest history found, and ends with 1; with `--keep NAME` that
 * history is kept in `histories/`. `--kept` runs all that are kept instead of seeds, `--kept NAME`
 * one. With `--mutant NAME` a planted bug is in the product, and it prints at which seed it was
 * found and by which validator, as JSON. With `--coverage` it prints at the end, as JSON, how often
 * what was met.
 */
import { parseArgs } from "node:util";

import { actionsOf } from "./actions.ts";
import { count, coverageOf } from "./coverage.ts";
import type { Coverage } from "./coverage.ts";
import { keep, keptNames, replay } from "./kept.ts";
import { minimise } from "./minimise.ts";
import { run, runSeed } from "./run.ts";
import type { Outcome } from "./run.ts";
import { storyOf } from "./story.ts";

const MINUTE_MS = 60_000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    from: { type: "string", default: "1" },
    seeds: { type: "string" },
    minutes: { type: "string" },
    mutant: { type: "string" },
    keep: { type: "string" },
    kept: { type: "boolean", default: false },
    /** Does not look for the shortest history. */
    quick: { type: "boolean", default: false },
    coverage: { type: "boolean", default: false },
  },
});

if (values.kept) await runKept(positionals.length > 0 ? positionals : keptNames());
else await runSeeds();

async function runKept(names: readonly string[]): Promise<void> {
  for (const name of names) {
    const failure = await replay(name);
    if (failure === null) continue;
    console.log(
      values.mutant === undefined
        ? `history ${name}: ${failure.validator}\n  ${failure.message}`
        : JSON.stringify({ history: name, validator: failure.validator }),
    );
    process.exit(1);
  }
  console.log(`${names.length} kept histories hold`);
}

async function runSeeds(): Promise<void> {
  const from = Number(values.from);
  const until = values.seeds === undefined ? Number.POSITIVE_INFINITY : from + Number(values.seeds);
  const begunMs = performance.now();
  const untilMs =
    values.minutes === undefined
      ? Number.POSITIVE_INFINITY
      : begunMs + Number(values.minutes) * MINUTE_MS;
  let toldMs = begunMs;
  const coverage: Coverage = new Map();
  let seed = from;
  for (; seed < until && performance.now() < untilMs; seed++) {
    const outcome = await runSeed(seed);
    if (outcome.failure !== null) {
      await tell(seed, outcome, outcome.failure);
      process.exit(1);
    }
    if (values.coverage)
      for (const [name, times] of coverageOf(outcome.history)) count(coverage, name, times);
    if (performance.now() - toldMs < MINUTE_MS) continue;
    toldMs = performance.now();
    const minutes = Math.round((toldMs - begunMs) / MINUTE_MS);
    console.log(`${minutes} min: seeds ${from} to ${seed} hold`);
  }
  console.log(`${seed - from} seeds hold, ${from} to ${seed - 1}`);
  if (values.coverage) console.log(JSON.stringify(Object.fromEntries(coverage)));
}

async function tell(
  seed: number,
  { history }: Outcome,
  failure: NonNullable<Outcome["failure"]>,
): Promise<void> {
  const { validator } = failure;
  const name = values.keep;
  if (values.mutant !== undefined) console.log(JSON.stringify({ seed, validator }));
  if (values.mutant !== undefined && name === undefined) return;
  const { places, actions } = actionsOf(seed);
  const least = values.quick ? actions : await minimise(seed, places, actions, validator);
  if (name !== undefined)
    keep(name, { bug: values.mutant ?? name, validator, seed, places, actions: least });
  if (values.mutant !== undefined) return;
  const again = await run(seed, places, least);
  const isAgain = again.failure !== null;
  console.log(storyOf(seed, again.failure ?? failure, least, isAgain ? again.history : history));
}
