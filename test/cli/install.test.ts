/**
 * `npm start` and `npm test` in a clone without its packages, with a program of the test in npm's
 * place.
 */
import { spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

import { expect, test } from "vitest";

const ROOT = new URL("../../", import.meta.url).pathname;

test("[CLI48] a signal during the install ends npm and the start at once, though npm ignores it", async () => {
  const clone = mkdtempSync(join(tmpdir(), "catwalk-clone-"));
  cpSync(join(ROOT, "bin"), join(clone, "bin"), { recursive: true });
  writeFileSync(join(clone, "package-lock.json"), "{}");
  writeFileSync(join(clone, "package.json"), '{"type":"module"}');
  mkdirSync(join(clone, "path"));
  const npm = join(clone, "path/npm");
  const ignoring = `process.on("SIGINT", () => {}); console.log("npm runs", process.pid); setInterval(() => {}, 1000);`;
  writeFileSync(npm, `#!${process.execPath}\n${ignoring}\n`);
  chmodSync(npm, 0o755);
  const PATH = [join(clone, "path"), process.env["PATH"] ?? ""].join(delimiter);
  const child = spawn(process.execPath, [join(clone, "bin/bootstrap.js"), "start"], {
    env: { ...process.env, PATH },
  });
  let printed = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (text: Buffer) => {
      printed += text.toString();
      if (printed.includes("npm runs") && !child.killed) child.kill("SIGINT");
    });
  const status = await new Promise((resolve) => child.once("close", resolve));
  expect([status, printed]).toEqual([130, expect.stringContaining("the installation was ended")]);
  const pid = Number(/npm runs (\d+)/.exec(printed)?.[1]);
  expect(() => process.kill(pid, 0)).toThrow(/ESRCH/);
  rmSync(clone, { recursive: true });
});

/** Makes the packages of a lock file, as npm would, and keeps how it was called. */
const FAKE_NPM = `
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
const args = process.argv.slice(2);
const root = args.find((arg) => arg.startsWith("--prefix=")).slice("--prefix=".length);
appendFileSync(process.env.CALLS, JSON.stringify(args.filter((arg) => !arg.startsWith("--prefix="))) + "\\n");
const { packages } = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8"));
for (const [folder, { dev }] of Object.entries(packages)) {
  if (folder === "" || (dev && args.includes("--omit=dev"))) continue;
  mkdirSync(join(root, folder, "include"), { recursive: true });
  writeFileSync(join(root, folder, "package.json"), "{}");
}
writeFileSync(join(root, "node_modules/.package-lock.json"), "{}");
await new Promise((resolve) => setTimeout(resolve, 2_500));
`;

test("[CLI53] `npm start` installs without the packages of tests, `npm test` adds them to those", () => {
  const clone = new Clone();
  const started = clone.run("start");
  expect(started.out).toContain("installing what running Catwalk needs");
  expect(started.out).toMatch(/^ {2}\d+ s: 1 of 1 packages$/m);
  expect(started.out).toContain("it runs");
  expect(clone.run("start").out).not.toContain("installing");
  expect(clone.run("check").out).toContain("installing what its tests need");
  expect(clone.run("check").out).not.toContain("installing");
  const calls = clone.calls().map((args) => args.filter((arg) => !/^--(no-|ignore|log)/.test(arg)));
  expect(calls).toEqual([["ci", "--omit=dev"], ["install"]]);
  expect(clone.calls()[1]).toContain("--no-save");
  clone.remove();
});

test("[CLI53] Node.js is installed where the machine's is too old, as the lock file has it, and not otherwise", () => {
  const clone = new Clone();
  const started = clone.run("start", "20.11.0");
  expect(started.out).toContain("installing Node.js 24.0.1, because 20.11.0 is too old");
  expect(clone.calls()).toHaveLength(2);
  const made = JSON.parse(readFileSync(join(clone.folder, ".node/package-lock.json"), "utf8")) as {
    readonly packages: Record<string, { readonly integrity?: string; readonly dev?: true }>;
  };
  expect(made.packages[NODE_PACKAGE]).toMatchObject({ version: "24.0.1", integrity: "sha512-x" });
  expect(existsSync(join(clone.folder, ".node", NODE_PACKAGE, "package.json"))).toBe(true);
  expect(existsSync(join(clone.folder, ".node", NODE_PACKAGE, "include"))).toBe(false);
  clone.remove();
});

const NODE_PACKAGE = `node_modules/node-${process.platform}-${process.arch}`;

/** A clone with a lock file of three packages: one to run, one for tests, and Node.js. */
class Clone {
  readonly folder = mkdtempSync(join(tmpdir(), "catwalk-clone-"));

  constructor() {
    cpSync(join(ROOT, "bin"), join(this.folder, "bin"), { recursive: true });
    writeFileSync(join(this.folder, "package.json"), '{"type":"module"}');
    mkdirSync(join(this.folder, "cli"), { recursive: true });
    writeFileSync(join(this.folder, "cli/main.ts"), 'console.log("it runs");');
    const packages = {
      "": {},
      "node_modules/needed": { version: "1.0.0" },
      "node_modules/vitest": { version: "1.0.0", dev: true },
      [NODE_PACKAGE]: {
        version: "24.0.1",
        integrity: "sha512-x",
        dev: true,
        optional: true,
        os: process.platform,
        cpu: [process.arch],
      },
    };
    writeFileSync(join(this.folder, "package-lock.json"), JSON.stringify({ packages }));
    mkdirSync(join(this.folder, "path"));
    writeFileSync(join(this.folder, "path/package.json"), '{"type":"module"}');
    writeFileSync(join(this.folder, "path/npm"), `#!${process.execPath}\n${FAKE_NPM}`);
    chmodSync(join(this.folder, "path/npm"), 0o755);
  }

  run(task: string, nodeVersion = process.versions.node): { readonly out: string } {
    const older = `Object.defineProperty(process.versions, "node", { value: "${nodeVersion}" })`;
    const PATH = [join(this.folder, "path"), process.env["PATH"] ?? ""].join(delimiter);
    const { stdout, stderr } = spawnSync(
      process.execPath,
      [`--import=data:text/javascript,${older}`, join(this.folder, "bin/bootstrap.js"), task],
      { encoding: "utf8", env: { ...process.env, PATH, CALLS: join(this.folder, "calls") } },
    );
    return { out: stdout + stderr };
  }

  /** How npm was called, each time. */
  calls(): readonly (readonly string[])[] {
    const lines = readFileSync(join(this.folder, "calls"), "utf8").trim().split("\n");
    return lines.map((line) => JSON.parse(line) as string[]);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }
}
