/**
 * Plants every mutant in turn and lets the simulation look for it: `node test/sim/mutants/run.ts
 * [--renew] [NAME…]`. Two at a time. A mutant that is not found within 2,000 seeds, or is found by
 * a validator that says nothing of its bug, fails; so does one that the history of its name does
 * not find. [SIM3] [SIM4] With `--renew` such a history is replaced by the shortest one that finds
 * it: a kept history replays draws, and a change of the simulated world changes what is drawn.
 */
import { spawn } from "node:child_process";
import { join } from "node:path";

import { MUTANTS } from "./index.ts";
import type { Mutant } from "./mutant.ts";

const ROOT = join(import.meta.dirname, "../../..");
const SEEDS = 2_000;
const AT_ONCE = 2;

interface Found {
  readonly seed?: number;
  readonly validator: string;
}

/** What the simulation says of a mutant, or why it says nothing. */
function look(mutant: Mutant, ...what: readonly string[]): Promise<Found | string> {
  const args = ["test/sim/main.ts", "--mutant", mutant.name, ...what];
  const child = spawn(process.execPath, args, { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] });
  let [out, err] = ["", ""];
  child.stdout.on("data", (text: Buffer) => (out += text.toString()));
  child.stderr.on("data", (text: Buffer) => (err += text.toString()));
  return new Promise((resolve) => {
    child.on("close", () => {
      const line = out.trim().split("\n").at(-1) ?? "";
      resolve(line.startsWith("{") ? (JSON.parse(line) as Found) : err.trim() || line);
    });
  });
}

/** Whether it was found by a validator that says something of its bug. */
function isOf(mutant: Mutant, found: Found | string): boolean {
  return typeof found !== "string" && mutant.validators.includes(found.validator);
}

const isRenewing = process.argv.includes("--renew");
const names = process.argv.slice(2).filter((each) => !each.startsWith("--"));
const waiting = MUTANTS.filter(({ name }) => names.length === 0 || names.includes(name));
let [passed, failed] = [0, 0];

async function work(): Promise<void> {
  for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
    const begunMs = performance.now();
    const from = String(mutant.from ?? 1);
    const found = await look(mutant, "--from", from, "--seeds", String(SEEDS));
    let again = await look(mutant, "--kept", mutant.name);
    if (isRenewing && typeof found !== "string" && !isOf(mutant, again)) {
      await look(mutant, "--from", String(found.seed), "--seeds", "1", "--keep", mutant.name);
      again = await look(mutant, "--kept", mutant.name);
    }
    const seconds = ((performance.now() - begunMs) / 1_000).toFixed(1);
    const isRight = isOf(mutant, found) && isOf(mutant, again);
    if (isRight) passed++;
    else failed++;
    const what =
      typeof found === "string" ? `not found: ${found}` : `seed ${found.seed}, ${found.validator}`;
    const history = typeof again === "string" ? `does not: ${again}` : again.validator;
    console.log(
      `${isRight ? "found " : "FAILED"} ${mutant.name} (${seconds} s): ${what}; its history: ${history}`,
    );
  }
}

await Promise.all(Array.from({ length: AT_ONCE }, work));
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
