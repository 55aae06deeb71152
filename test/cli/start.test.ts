/** How a command starts: what it loads, and what the starter in bin/ gives it. */
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect, test } from "vitest";

const ROOT = join(import.meta.dirname, "../..");
const MAIN = join(ROOT, "cli/main.ts");

/** Prints the addresses of all modules that a program loads, at its end. */
const TOLD = `
import { registerHooks } from "node:module";
const loaded = [];
registerHooks({ load: (url, context, next) => (loaded.push(url), next(url, context)) });
process.on("exit", () => process.stderr.write(JSON.stringify(loaded)));
`;

function loadedBy(...args: readonly string[]): readonly string[] {
  const hooks = `data:text/javascript,${encodeURIComponent(TOLD)}`;
  const told = spawnSync(process.execPath, ["--import", hooks, MAIN, ...args], {
    encoding: "utf8",
  });
  expect(told.status).toBe(0);
  return JSON.parse(told.stderr) as string[];
}

test("[CLI52] a command loads neither the other commands nor what only they need", () => {
  const names = (urls: readonly string[]): readonly string[] =>
    urls.flatMap((url) => /cli\/commands\/([a-z-]+)\.ts$/.exec(url)?.[1] ?? []);
  const commands = ["up", "hub", "relay", "mesh", "cluster", "rcc", "grant", "mock", "source"];
  for (const command of ["status", "rcc", "relay"]) {
    const loaded = loadedBy(command, "--help");
    expect(names(loaded)).toContain(command);
    expect(names(loaded).filter((name) => name !== command && commands.includes(name))).toEqual([]);
    const packages =
      /node_modules\/(?:ws|pino|prom-client|msgpackr|jose|hono|esbuild|@kubernetes)\//;
    expect(loaded.filter((url) => packages.test(url))).toEqual([]);
  }
  expect(names(loadedBy("--help"))).toEqual(expect.arrayContaining(commands));
});

test("[CLI52] the help and a word that is no command name every command", () => {
  const run = (...args: readonly string[]) =>
    spawnSync(process.execPath, [MAIN, ...args], { encoding: "utf8" });
  for (const args of [["--help"], ["help"]])
    for (const command of ["up", "watch", "completion"])
      expect(run(...args).stdout, args.join(" ")).toContain(`\n  ${command} `);
  const mistyped = run("statsu");
  expect([mistyped.status, mistyped.stderr]).toEqual([2, expect.stringContaining("status")]);
  expect(run("completion", "bash").stdout).toContain("withdrawal");
});

test("[CLI54] in a folder that is not installed `catwalk` says what to run", () => {
  const clone = mkdtempSync(join(tmpdir(), "catwalk-clone-"));
  cpSync(join(ROOT, "bin"), join(clone, "bin"), { recursive: true });
  writeFileSync(join(clone, "package.json"), '{"type":"module"}');
  const { status, stderr } = spawnSync(
    process.execPath,
    [join(clone, "bin/catwalk.js"), "status"],
    {
      encoding: "utf8",
    },
  );
  expect([status, stderr]).toEqual([
    1,
    expect.stringContaining("not installed yet: run `npm start`"),
  ]);
  expect(existsSync(join(clone, "node_modules"))).toBe(false);
  rmSync(clone, { recursive: true });
});
