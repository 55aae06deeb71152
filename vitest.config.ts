import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";

/**
 * A test is over when its condition holds: this only ends what never will, and a busy machine takes
 * ten times as long as a quiet one.
 */
const TIMEOUTS = { testTimeout: 600_000, hookTimeout: 600_000 };

/**
 * Tests that start processes, or play many seeds: `npm run test:fast` leaves them out, `npm test`
 * runs them. Everything else together takes less than a minute on 2 cores.
 */
const SLOW = ["test/e2e/**"];

const isFast = process.env["CATWALK_TESTS"] === "fast";

export default defineConfig({
  test: {
    // The tests wait for sockets, disks and processes more than they compute.
    maxWorkers: 4,
    projects: [
      {
        test: {
          ...TIMEOUTS,
          name: "node",
          include: ["test/**/*.test.ts"],
          exclude: [
            "test/workerd/**",
            "test/interop/**",
            "test/faults/**",
            ...(isFast ? SLOW : []),
          ],
        },
      },
      {
        plugins: [cloudflareTest({ wrangler: { configPath: "./wrangler.toml" } })],
        test: { ...TIMEOUTS, name: "workerd", include: ["test/workerd/**/*.test.ts"] },
      },
      // Hubs, relays and disks that fail: `.ci/run faults` runs them, each many times.
      { test: { ...TIMEOUTS, name: "faults", include: ["test/faults/**/*.test.ts"] } },
    ],
  },
});
