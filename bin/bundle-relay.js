/**
 * Makes the program that the relay's image ships: `node bin/bundle-relay.js FOLDER` writes
 * `catwalk.js` and the modules that it loads when they are needed, with all packages in them. `hub`
 * and `up` want packages with binaries of their own, which an image of relays does not have.
 */
import { rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

import { build } from "esbuild";

import { ROOT } from "./runtime.js";

const folder = process.argv[2];
if (folder === undefined) {
  console.error("usage: node bin/bundle-relay.js FOLDER");
  process.exit(2);
}
const outdir = resolve(folder);
rmSync(join(outdir, "modules"), { recursive: true, force: true });
const { metafile } = await build({
  entryPoints: { catwalk: join(ROOT, "cli/main.ts") },
  outdir,
  chunkNames: "modules/[name]-[hash]",
  bundle: true,
  // Names stay as they are: stack traces show them.
  minifySyntax: true,
  minifyWhitespace: true,
  splitting: true,
  metafile: true,
  format: "esm",
  platform: "node",
  target: "node24",
  // Binaries; `msgpackr-extract` is asked for, and done without.
  external: ["esbuild", "workerd", "msgpackr-extract"],
  // Types alone: nothing of it changes what is made.
  tsconfigRaw: {},
  banner: {
    // For packages that are CommonJS still.
    js: 'import{createRequire as __createRequire}from"node:module";const require=__createRequire(import.meta.url),__dirname=import.meta.dirname,__filename=import.meta.filename;',
  },
  legalComments: "none",
  logLevel: "warning",
});
writeFileSync(join(outdir, "package.json"), '{"type":"module"}\n');
const bytes = Object.values(metafile.outputs).reduce((sum, output) => sum + output.bytes, 0);
console.log(`${join(outdir, "catwalk.js")}: ${(bytes / 1e6).toFixed(1)} MB in all`);
