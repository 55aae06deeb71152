import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/**
 * A test is over when its condition holds: this only ends what never will, and a busy machine takes
 * ten times as long as a quiet one.
 */
const TIMEOUTS = { testTimeout: 600_000, hookTimeout: 600_000 };

/**
 * Files that take more than about five seconds (processes, many seeds, large logs): `npm run
 * test:fast` leaves them out, `npm test` runs them. All others together take less than a minute.
 */
const SLOW = [
  "test/e2e/**",
  "test/fuzz/**",
  "test/sim/**",
  "test/golden/*random*.test.ts",
  "test/cli/{commands,deploy-check,endings,install,install-manifests}.test.ts",
  "test/cli/{no-hub,policy-affected,rcc-dir,start}.test.ts",
  "test/relay/deploy.test.ts",
  "test/cli/{cluster,launch}/**",
  "test/relay/{direct/webhooks,http/view}.test.ts",
  "test/relay/source/{dump,kubernetes}.test.ts",
  "test/relay/typha/two-relays.test.ts",
  "test/relay/view/view-file.test.ts",
  "test/worker/origin/{bill,late-hub,message-quota,noisy,nuisance}.test.ts",
  "test/worker/origin/{pair-union,projection,quota,settled,slices,small-frames}.test.ts",
];

/**
 * vitest runs one project after the other, and the files of workerd take half a minute in which one
 * core has nothing to do: they go first, beside those of Node.
 */
class WorkerdFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isWorkerd = ({ project }: TestSpecification): boolean => project.name === "workerd";
    return [...sorted.filter(isWorkerd), ...sorted.filter((file) => !isWorkerd(file))];
  }
}

const isFast = process.env["CATWALK_TESTS"] === "fast";

export default defineConfig({
  test: {
    // The tests wait for sockets, disks and processes more than they compute.
    maxWorkers: 4,
    sequence: { sequencer: WorkerdFirst },
    projects: [
      {
        test: {
          ...TIMEOUTS,
          name: "node",
          // No module keeps state, so files share a process: a process for each costs a minute.
          isolate: false,
          include: ["test/**/*.test.ts"],
          exclude: [
            "test/workerd/**",
            "test/interop/**",
            "test/faults/**",
            "test/load/**",
            ...(isFast ? SLOW : []),
          ],
        },
      },
      {
        plugins: [cloudflareTest({ wrangler: { configPath: "./wrangler.toml" } })],
        test: { ...TIMEOUTS, name: "workerd", include: ["test/workerd/**/*.test.ts"] },
      },
      // More than an Origin should have, and hostile records: `.ci/run load`.
      { test: { ...TIMEOUTS, name: "load", include: ["test/load/**/*.test.ts"] } },
      // Hubs, relays and disks that fail: `.ci/run faults` runs them, each many times.
      { test: { ...TIMEOUTS, name: "faults", include: ["test/faults/**/*.test.ts"] } },
    ],
  },
});
