import { parseArgs } from "node:util";

import { runSeed } from "./run.ts";

const { values } = parseArgs({
  options: {
    from: { type: "string", default: "1" },
    seeds: { type: "string", default: "500" },
    mutant: { type: "string" },
  },
});
const from = Number(values.from);
const begun = performance.now();
let failed = 0;
for (let seed = from; seed < from + Number(values.seeds); seed++) {
  const { failure } = await runSeed(seed);
  if (failure !== null) {
    failed++;
    console.log(
      `seed ${seed}: ${failure.validator} at ${failure.atMs} ms: ${failure.message.slice(0, 600)}`,
    );
  }
}
console.log(`${failed} failed, ${Math.round(performance.now() - begun)} ms`);
