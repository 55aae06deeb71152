/**
 * `npm run deploy:check [-- --env NAME]`: what `wrangler deploy` would send to Cloudflare is made
 * in `.build/deploy` and looked through; nothing is sent. [DEP8]
 */
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";

import { unstable_readConfig as readConfig } from "wrangler";

import { MAX_GZIP_BYTES, placesOf, problemsOf, SECRETS } from "./deploy-rules.js";
import { ROOT, run } from "./runtime.js";

const { values } = parseArgs({
  options: { env: { type: "string" }, config: { type: "string" } },
});
const configFile = values.config ?? join(ROOT, "wrangler.toml");
const outdir = join(ROOT, ".build/deploy");
rmSync(outdir, { recursive: true, force: true });

const status = await run(
  join(ROOT, "node_modules/.bin/wrangler"),
  [
    "deploy",
    "--dry-run",
    `--config=${configFile}`,
    `--outdir=${outdir}`,
    `--env=${values.env ?? ""}`,
  ],
  { ...process.env, WRANGLER_SEND_METRICS: "false", CI: "1" },
);
process.exitCode = status === 0 ? check() : status;

/** @returns {number} The exit status. */
function check() {
  const code = readFileSync(join(outdir, "index.js"));
  const config = readConfig({
    config: configFile,
    ...(values.env === undefined ? {} : { env: values.env }),
  });
  // What a bundle of ES modules exports is in its last clause: `export { a as b, c }`.
  const clause = /export\s*\{([^}]*)\}\s*;?\s*(?:\/\/[^\n]*\s*)*$/.exec(code.toString())?.[1] ?? "";
  const exported = clause.split(",").map(
    (name) =>
      name
        .trim()
        .split(/\s+as\s+/)
        .at(-1) ?? "",
  );
  const gzipBytes = gzipSync(code).length;
  const today = new Date().toISOString().slice(0, 10);
  const problems = problemsOf(config, { gzipBytes, exported }, today);
  for (const problem of problems) console.error(`error: ${problem}`);
  if (problems.length > 0) return 1;
  console.log(
    `ready to deploy: ${(gzipBytes / 1e3).toFixed(0)} kB compressed of ${MAX_GZIP_BYTES / 1e3}; secrets to be there: ${SECRETS.join(", ")}; ${placesOf(config)}`,
  );
  return 0;
}
