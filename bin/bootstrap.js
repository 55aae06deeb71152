/**
 * `npm start`, `npm test` and the other scripts of package.json from a fresh clone: installs what
 * is missing, saying so at once, then hands over. Plain JavaScript without dependencies, for Node
 * 20.
 */
import { delimiter, join } from "node:path";

import { install } from "./install.js";
import { programEnv, ROOT, run, runProgram } from "./runtime.js";

const [task = "", ...args] = process.argv.slice(2);
const PATH = [join(ROOT, "node_modules/.bin"), process.env["PATH"] ?? ""].join(delimiter);

/**
 * @typedef {readonly [title: string, command: string, args: readonly string[]]} Step
 * @typedef {{ extent: import("./install.js").Extent, run: () => Promise<void> }} Task
 */

/** @type {Step} */
const TYPES = ["types", "tsc", ["-b"]];
/** The steps of a check, in the order in which they fail fastest. @type {readonly Step[]} */
const CHECKS = [
  TYPES,
  ["lint", "oxlint", ["--type-aware", "bin", "cli", "worker", "relay", "shared", "test"]],
  ["format", "oxfmt", ["--check", "."]],
];

/**
 * What `npm test` runs. `.ci/run faults` runs the project `faults`, unless a file of it is named
 * here.
 */
function projects() {
  if (args.some((arg) => arg.startsWith("--project"))) return [];
  const isFaults = args.some((arg) => arg.startsWith("test/faults"));
  return isFaults ? ["--project=faults"] : ["--project=node", "--project=workerd"];
}

/** @type {Readonly<Record<string, Task>>} */
const TASKS = {
  start: { extent: "run", run: () => runProgram("cli/main.ts", ["up", ...args]) },
  test: {
    extent: "test",
    run: () => steps([...CHECKS, ["tests", "vitest", ["run", ...projects(), ...args]]]),
  },
  fast: {
    extent: "test",
    run: () => {
      process.env["CATWALK_TESTS"] = "fast";
      return steps([TYPES, ["tests", "vitest", ["run", "--project=node", ...args]]]);
    },
  },
  check: { extent: "test", run: () => steps(CHECKS) },
  bench: { extent: "test", run: () => runProgram("test/bench/main.ts", args) },
  "demo:overlay": { extent: "test", run: () => runProgram("test/overlay/demo.ts", args) },
  bundle: { extent: "run", run: () => runProgram("bin/bundle.js", args) },
  "deploy-check": { extent: "test", run: () => runProgram("bin/deploy-check.js", args) },
  soak: { extent: "test", run: () => runProgram("test/sim/main.ts", args) },
};

/** @param {readonly Step[]} list */
async function steps(list) {
  for (const [title, command, commandArgs] of list) {
    console.log(`\n== ${title}: ${command} ${commandArgs.join(" ")}`);
    const script = join(ROOT, "node_modules/.bin", command);
    const status = await run(script, commandArgs, { ...programEnv(), PATH });
    if (status !== 0) {
      console.error(`== ${title} failed (status ${status})`);
      process.exitCode = status;
      return;
    }
  }
}

const chosen = Object.hasOwn(TASKS, task) ? TASKS[task] : undefined;
if (chosen === undefined) {
  console.error(`usage: node bin/bootstrap.js ${Object.keys(TASKS).join("|")} [arguments]`);
  process.exitCode = 2;
} else if ((process.exitCode = await install(chosen.extent)) === 0) {
  process.chdir(ROOT);
  await chosen.run();
}
