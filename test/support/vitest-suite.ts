/**
 * Tests of vitest as a suite of `.ci/run`: what they print goes through, and the last line says how
 * many passed and failed, and for how long it ran.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "../..");

/** @param args Of `vitest run`. Sets the exit status of this process. */
export async function runSuite(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "catwalk-suite-"));
  const report = join(folder, "report.json");
  const began = performance.now();
  const reporters = ["--reporter=verbose", "--reporter=json", `--outputFile=${report}`];
  // With the Node that runs this: the machine's own may be an older one.
  const vitest = spawn(
    process.execPath,
    [join(ROOT, "node_modules/vitest/vitest.mjs"), "run", ...reporters, ...args],
    { cwd: ROOT, stdio: "inherit", env: { ...process.env, ...env } },
  );
  const status = await new Promise((resolve) => vitest.once("close", resolve));
  const { numPassedTests: passed, numFailedTests: failed } = JSON.parse(
    readFileSync(report, "utf8"),
  ) as { readonly numPassedTests: number; readonly numFailedTests: number };
  rmSync(folder, { recursive: true });
  const minutes = ((performance.now() - began) / 60_000).toFixed(1);
  process.stdout.write(`${passed} passed, ${failed} failed (${minutes} min)\n`);
  process.exitCode = status === 0 && passed > 0 ? 0 : 1;
}
