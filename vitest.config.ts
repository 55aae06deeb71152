import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";

/** A test is over when its condition holds: this only ends what never will, and a busy machine takes several times as long as a quiet one. */
const TIMEOUTS = { testTimeout: 30_000, hookTimeout: 30_000 };

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          ...TIMEOUTS,
          name: "node",
          include: ["test/**/*.test.ts"],
          exclude: ["test/workerd/**", "test/interop/**"],
        },
      },
      {
        plugins: [cloudflareTest({ wrangler: { configPath: "./wrangler.toml" } })],
        test: { ...TIMEOUTS, name: "workerd", include: ["test/workerd/**/*.test.ts"] },
      },
    ],
  },
});
