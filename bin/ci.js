/**
 * The whole check on a bare machine: `npm test`, then the wider suites, each of which installs what
 * it needs. Prints each suite's minutes and, as its last line, how many tests passed and failed
 * over all of them. Plain JavaScript for Node 20.
 */
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { stripVTControlCharacters } from "node:util";

import { install } from "./install.js";
import { findNode, ROOT } from "./runtime.js";

const REPORT = join(ROOT, ".build/vitest.json");
const only = process.argv.slice(2);

/** How vitest and our own suites begin the line of a test that failed. */
const FAILED_LINE = /^[^a-z]*(FAIL |FAILED |fail |not ok )/;
/** So many lines after it are repeated at the end: the error, and where it was thrown. */
const ERROR_LINES = 14;
/** A suite repeats at most so many lines: a build that is broken fails everywhere. */
const MAX_REPEATED_LINES = 200;
/**
 * Suites run real processes on a machine that other work shares. One in which few tests failed runs
 * once more, and its first failures stay in the summary: who reads it sees what is not reliable.
 */
const MAX_SECOND_RUNS = 2;
/** More failed tests than this are a broken build, which a second run does not mend. */
const MAX_TO_RUN_AGAIN = 5;

/**
 * @typedef {{
 *   name: string,
 *   command: () => readonly [command: string, args: readonly string[]],
 *   count: (lines: readonly string[]) => readonly [passed: number, failed: number],
 * }} Suite
 */

/** @type {readonly Suite[]} */
const SUITES = [
  {
    name: "npm test",
    command: () => [
      "npm",
      ["test", "--", "--reporter=default", "--reporter=json", `--outputFile=${REPORT}`],
    ],
    count: () => {
      const report = JSON.parse(readFileSync(REPORT, "utf8"));
      return [report.numPassedTests, report.numFailedTests];
    },
  },
  suite("load", "test/load/run.ts"),
  suite("miniflare", "test/e2e/run-miniflare.ts"),
  suite("faults", "test/faults/run.ts"),
  suite("simulation", "test/sim/run-many.ts"),
  suite("mutants", "test/sim/mutants/run.ts"),
  suite("schemathesis", "test/schemathesis/run.ts"),
  suite("proxy", "test/proxy/run.ts"),
  suite("observability", "test/observability/run.ts"),
  suite("hostile", "test/hostile/run.ts"),
  suite("etcd", "test/etcd/run.ts"),
  suite("overlay", "test/overlay/run.ts"),
  suite("interop", "test/interop/run.ts"),
];

/**
 * @param {string} name
 * @param {string} program
 * @returns {Suite}
 */
function suite(name, program) {
  return { name, command: () => [findNode() ?? process.execPath, [program]], count: closingLine };
}

/**
 * Suites of our own end with `N passed, N failed`.
 * @param {readonly string[]} lines
 * @returns {readonly [number, number]}
 */
function closingLine(lines) {
  for (const line of lines.toReversed()) {
    const found = /^(\d+) passed, (\d+) failed( \(.*\))?$/.exec(line.trim());
    if (found !== null) return [Number(found[1]), Number(found[2])];
  }
  throw new Error("it printed no closing line");
}

/**
 * Prints each line of one stream, and keeps the lines that tell of a failure.
 * @param {string[]} failures
 * @param {(line: string) => void} print
 * @returns {(line: string) => void}
 */
function failureReader(failures, print) {
  let left = 0;
  return (line) => {
    print(line);
    if (FAILED_LINE.test(stripVTControlCharacters(line))) left = 1 + ERROR_LINES;
    if (left === 0 || failures.length >= MAX_REPEATED_LINES) return;
    left -= 1;
    failures.push(line);
  };
}

/**
 * @param {readonly [string, readonly string[]]} command
 * @returns {Promise<{
 *   status: number | string | null,
 *   lines: readonly string[],
 *   failures: readonly string[],
 * }>}
 */
function run([command, args]) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] });
    /** @type {string[]} */
    const lines = [];
    /** @type {string[]} */
    const failures = [];
    // vitest tells of failures on standard error, its summary on standard output.
    createInterface({ input: child.stderr }).on("line", failureReader(failures, console.error));
    const read = failureReader(failures, console.log);
    createInterface({ input: child.stdout }).on("line", (line) => {
      read(line);
      lines.push(line);
      if (lines.length > 200) lines.shift();
    });
    child.once("error", (error) => resolve({ status: error.message, lines, failures }));
    child.once("close", (status) => resolve({ status, lines, failures }));
  });
}

/**
 * @param {Suite} suite
 * @returns {Promise<{
 *   passed: number,
 *   failed: number,
 *   mayRunAgain: boolean,
 *   failures: readonly string[],
 *   verdict: string,
 * }>}
 */
async function runSuite(suite) {
  console.log(`\n==== ${suite.name}`);
  rmSync(REPORT, { force: true });
  const startedMs = Date.now();
  const { status, lines, failures } = await run(suite.command());
  let [passed, failed] = [0, 0];
  let problem = status === 0 ? null : `ended with status ${status}`;
  try {
    [passed, failed] = suite.count(lines);
  } catch (error) {
    problem ??= error instanceof Error ? error.message : String(error);
  }
  const mayRunAgain = failed > 0 && failed <= MAX_TO_RUN_AGAIN;
  // A suite that fails without a failed test (types, lint, a crash) is a failure all the same.
  if (problem !== null && failed === 0) failed = 1;
  const minutes = ((Date.now() - startedMs) / 60_000).toFixed(1);
  const why = problem === null ? "" : ` (${problem})`;
  const verdict = `==== ${suite.name}: ${passed} passed, ${failed} failed, ${minutes} minutes${why}`;
  console.log(verdict);
  return { passed, failed, mayRunAgain, failures, verdict };
}

/** What the last lines repeat, because a log of 40 minutes is read from its end. */
const summary = [];
let passed = 0;
let failed = 0;
let secondRuns = MAX_SECOND_RUNS;
mkdirSync(join(ROOT, ".build"), { recursive: true });
if (only.length > 0 && !only.includes("npm test") && (await install("test")) !== 0) process.exit(1);
for (const suite of SUITES) {
  if (only.length > 0 && !only.includes(suite.name)) continue;
  let result = await runSuite(suite);
  summary.push(...result.failures, result.verdict);
  if (result.mayRunAgain && secondRuns > 0) {
    secondRuns -= 1;
    result = await runSuite(suite);
    summary.push(...result.failures, `${result.verdict} (second run: the first is above)`);
  }
  passed += result.passed;
  failed += result.failed;
}
console.log(`\n${summary.join("\n")}`);
console.log(`\n${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
