/**
 * Makes the programs of an earlier commit, as one file each, for tests of mixed versions: `node
 * test/faults/build-previous.ts COMMIT`. To be run when a version is released, with its commit: the
 * version after it is tested against these.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brotliCompressSync } from "node:zlib";

import { build } from "esbuild";
import type { BuildOptions } from "esbuild";

const ROOT = join(import.meta.dirname, "../..");
const TARGET = join(ROOT, "test/fixtures/previous");
const given = process.argv[2];
if (given === undefined) throw new Error("usage: node test/faults/build-previous.ts COMMIT");
const git = (...args: readonly string[]): Buffer =>
  execFileSync("git", ["-C", ROOT, ...args], { maxBuffer: 1 << 28 });
const commit = git("rev-parse", given).toString().trim();
const about = git("show", "-s", "--format=%h of %cs: %s", commit).toString().trim();

const folder = mkdtempSync(join(tmpdir(), "catwalk-previous-"));
try {
  const tree = join(folder, "tree");
  mkdirSync(tree);
  execFileSync("tar", ["-x", "-C", tree], { input: git("archive", commit) });
  symlinkSync(join(ROOT, "node_modules"), join(tree, "node_modules"));
  const common: BuildOptions = { bundle: true, format: "esm", minify: true, write: false };
  const worker = await build({
    ...common,
    entryPoints: [join(tree, "worker/index.ts")],
    platform: "neutral",
    target: "es2024",
    mainFields: ["module", "main"],
    conditions: ["workerd", "worker", "browser", "import"],
    external: ["node:*", "cloudflare:*"],
  });
  const relay = await build({
    ...common,
    // Versions of before the command line had a folder of its own.
    entryPoints: [join(tree, existsSync(join(tree, "cli")) ? "cli/main.ts" : "relay/cli/main.ts")],
    platform: "node",
    target: "node24",
    // Large, and not used by what the tests do: those of today will do.
    external: ["@kubernetes/client-node", "esbuild", "workerd"],
    banner: {
      js: "import{createRequire}from'node:module';const require=createRequire(import.meta.url);",
    },
  });
  const files = [
    ["worker.js.br", worker],
    ["relay.mjs.br", relay],
  ] as const;
  for (const [name, { outputFiles }] of files) {
    const packed = brotliCompressSync(outputFiles?.[0]?.contents ?? new Uint8Array());
    writeFileSync(join(TARGET, name), packed);
    process.stdout.write(`${name}: ${packed.length} bytes\n`);
  }
  writeFileSync(
    join(TARGET, "ORIGIN.md"),
    `The Worker and the relay's program of commit ${commit} of this repository (${about}), bundled, minified and compressed by \`test/faults/build-previous.ts\`. \`view-1.view\`: a view file of the first format, as that program left it.\n`,
  );
} finally {
  rmSync(folder, { recursive: true });
}
