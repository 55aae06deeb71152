/**
 * The faults as a suite of their own, each as often as it takes to be believed: `node
 * test/faults/run.ts [FILE …]`. Some minutes on 2 cores.
 */
import { runSuite } from "../support/vitest-suite.ts";

const named = process.argv.slice(2);
// One file at a time: these tests are about time and processes, and the machine may be small.
await runSuite(
  ["--project=faults", "--no-file-parallelism", ...(named.length > 0 ? named : ["test/faults/"])],
  { CATWALK_ROUNDS: "many" },
);
