/** The simulation as a suite of its own, with all its seeds: `node test/sim/run-many.ts`. [SIM5] */
import { runSuite } from "../support/vitest-suite.ts";

await runSuite(["--project=node", "test/sim/sim.test.ts"], { CATWALK_ROUNDS: "many" });
