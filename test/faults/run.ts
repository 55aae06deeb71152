/**
 * The faults as a suite of their own, each as often as it takes to be believed: `node
 * test/faults/run.ts [FILE …]`. Some minutes on 2 cores.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = join(import.meta.dirname, "../..");
const folder = mkdtempSync(join(tmpdir(), "catwalk-faults-"));
const report = join(folder, "report.json");
const began = performance.now();
const args = ["run", "--project=faults", "--reporter=verbose", "--reporter=json"];
const named = process.argv.slice(2);
// One file at a time: these tests are about time and processes, and the machine may be small.
// With the Node that runs this: the machine's own may be an older one.
const vitest = spawn(
  process.execPath,
  [
    join(root, "node_modules/vitest/vitest.mjs"),
    ...args,
    `--outputFile=${report}`,
    "--no-file-parallelism",
    ...(named.length > 0 ? named : ["test/faults/"]),
  ],
  { cwd: root, stdio: "inherit", env: { ...process.env, CATWALK_FAULTS: "many" } },
);
const status = await new Promise((resolve) => vitest.once("close", resolve));
const { numPassedTests: passed, numFailedTests: failed } = JSON.parse(
  readFileSync(report, "utf8"),
) as { readonly numPassedTests: number; readonly numFailedTests: number };
rmSync(folder, { recursive: true });
const minutes = ((performance.now() - began) / 60_000).toFixed(1);
process.stdout.write(`${passed} passed, ${failed} failed (${minutes} min)\n`);
process.exitCode = status === 0 && passed > 0 ? 0 : 1;
