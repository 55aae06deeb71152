/**
 * The Worker as one file for workerd: an image may ship it ready-made, a checkout makes it at each
 * start (about 0.2 s).
 */
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { writeFileAtomically } from "../../relay/lib/atomic-file.ts";

const ENTRY = fileURLToPath(new URL("../../worker/index.ts", import.meta.url));

/** @param prebuilt Path of a ready bundle, used when it exists (`CATWALK_WORKER_BUNDLE`). */
export async function bundleWorker(
  outFile: string,
  prebuilt = process.env["CATWALK_WORKER_BUNDLE"],
): Promise<void> {
  if (prebuilt !== undefined && existsSync(prebuilt)) {
    writeIfOther(outFile, readFileSync(prebuilt));
    return;
  }
  // Loaded only here: an image with a ready bundle has no esbuild.
  const { build } = await import("esbuild");
  const built = await build({
    write: false,
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
  writeIfOther(outFile, built.outputFiles[0]?.contents ?? new Uint8Array());
}

/**
 * Nothing is written where it is there already: a hub whose disk is full can be started again. A
 * file is whole, or as it was.
 */
export function writeIfOther(path: string, content: string | Uint8Array): void {
  if (existsSync(path) && readFileSync(path).equals(Buffer.from(content))) return;
  writeFileAtomically(path, content);
}
