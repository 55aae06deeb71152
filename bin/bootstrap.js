/**
 * `npm start`, `npm test`, `npm run check`, `npm run bench`, `npm run soak` from a fresh clone: installs what is missing, saying so at once, then hands over.
 * Plain JavaScript without dependencies for Node 20.
 */
import { existsSync, rmSync, statSync } from "node:fs";
import { delimiter, join } from "node:path";

import { findNode, ROOT, run, runProgram } from "./runtime.js";

const [task = "", ...args] = process.argv.slice(2);
const PATH = [join(ROOT, "node_modules/.bin"), process.env.PATH ?? ""].join(delimiter);

/** The steps of a check, in the order in which they fail fastest. */
const CHECKS = [
  ["types", "tsc", ["-b"]],
  ["lint", "oxlint", ["--type-aware", "worker", "relay", "shared", "test"]],
  ["format", "oxfmt", ["--check", "."]],
];

const TASKS = {
  start: () => runProgram("relay/cli/main.ts", ["up", ...args]),
  test: () => steps([...CHECKS, ["tests", "vitest", ["run", ...args]]]),
  check: () => steps(CHECKS),
  bench: () => runProgram("test/bench/main.ts", args),
  soak: () => runProgram("test/sim/main.ts", args),
};

/** Installed means: npm wrote its own record of node_modules after the lock file last changed. */
function isInstalled() {
  const record = join(ROOT, "node_modules/.package-lock.json");
  if (!existsSync(record)) return false;
  return statSync(record).mtimeMs >= statSync(join(ROOT, "package-lock.json")).mtimeMs;
}

/** Exit status: 0 when all is there. */
async function install() {
  if (isInstalled()) return 0;
  console.log("installing what Catwalk needs into node_modules (once; about 700 MB) …");
  const started = Date.now();
  const beat = setInterval(
    () => console.log(`  still installing, ${Math.round((Date.now() - started) / 1000)} s`),
    5_000,
  );
  // Without --ignore-scripts packages could run code of theirs here; none of ours needs to.
  const status = await run(
    "npm",
    ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", `--prefix=${ROOT}`],
    process.env,
    "inherit",
    // npm goes on for up to a minute after Ctrl-C; the next start installs anew.
    true,
  );
  clearInterval(beat);
  if (status !== 0) {
    // What a failed install leaves must not pass for an installed one.
    rmSync(join(ROOT, "node_modules/.package-lock.json"), { force: true });
    const isEnded = status > 128;
    console.error(isEnded ? "\nthe installation was ended" : `npm ci failed with status ${status}`);
    return isEnded ? status : 1;
  }
  console.log(`installed in ${Math.round((Date.now() - started) / 1000)} s`);
  return 0;
}

async function steps(list) {
  for (const [title, command, commandArgs] of list) {
    console.log(`\n== ${title}: ${command} ${commandArgs.join(" ")}`);
    const script = join(ROOT, "node_modules/.bin", command);
    const status = await run(script, commandArgs, { ...process.env, PATH });
    if (status !== 0) {
      console.error(`== ${title} failed (status ${status})`);
      process.exitCode = status;
      return;
    }
  }
}

const chosen = TASKS[task];
if (chosen === undefined) {
  console.error(`usage: node bin/bootstrap.js ${Object.keys(TASKS).join("|")} [arguments]`);
  process.exitCode = 2;
} else if ((process.exitCode = await install()) !== 0) {
  // It has said why.
} else if (findNode() === null) {
  console.error("this Node.js is too old, and npm has none for this platform");
  process.exitCode = 1;
} else {
  process.chdir(ROOT);
  await chosen();
}
