/**
 * The end-to-end tests over a hub on Miniflare: `node test/e2e/run-miniflare.ts [FILE …]`. `npm
 * test` runs them over plain workerd.
 */
import { runSuite } from "../support/vitest-suite.ts";

const named = process.argv.slice(2);
await runSuite(
  // The images have a hub of their own.
  [
    "--project=node",
    "--exclude=test/e2e/images.test.ts",
    ...(named.length > 0 ? named : ["test/e2e/"]),
  ],
  { CATWALK_TEST_HUB: "miniflare" },
);
