/**
 * Origins that are given more than they should have, hostile records and large views: `node
 * test/load/run.ts [FILE …]`. Some minutes on 2 cores.
 */
import { runSuite } from "../support/vitest-suite.ts";

const named = process.argv.slice(2);
await runSuite(
  [
    "--project=load",
    "--project=node",
    ...(named.length > 0 ? named : ["test/load/", "test/fuzz/", "test/relay/http/view.test.ts"]),
  ],
  { CATWALK_ROUNDS: "many" },
);
