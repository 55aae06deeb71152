/** The Worker as one file for workerd: an image may ship it ready-made, a checkout makes it at each start (about 0.2 s). */
import { copyFileSync, existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const ENTRY = fileURLToPath(new URL("../../worker/index.ts", import.meta.url));

/** @param prebuilt Path of a ready bundle, used when it exists (`CATWALK_WORKER_BUNDLE`). */
export async function bundleWorker(
  outFile: string,
  prebuilt = process.env["CATWALK_WORKER_BUNDLE"],
): Promise<void> {
  if (prebuilt !== undefined && existsSync(prebuilt)) {
    copyFileSync(prebuilt, outFile);
    return;
  }
  // Loaded only here: an image with a ready bundle has no esbuild.
  const { build } = await import("esbuild");
  await build({
    entryPoints: [ENTRY],
    outfile: outFile,
    bundle: true,
    format: "esm",
    platform: "neutral",
    target: "es2024",
    mainFields: ["module", "main"],
    conditions: ["workerd", "worker", "browser", "import"],
    external: ["node:*", "cloudflare:*"],
    logLevel: "warning",
  });
}
