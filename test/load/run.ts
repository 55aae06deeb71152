/**
 * Origins that are given more than they should have, and hostile records, many of them: `node
 * test/load/run.ts [FILE …]`. In virtual time; some minutes on 2 cores.
 */
import { runSuite } from "../support/vitest-suite.ts";

const named = process.argv.slice(2);
await runSuite(
  [
    "--project=load",
    "--project=node",
    ...(named.length > 0 ? named : ["test/load/", "test/fuzz/"]),
  ],
  { CATWALK_ROUNDS: "many" },
);
