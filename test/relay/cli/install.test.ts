/** `npm start` in a clone without its packages, with a program in npm's place that takes its time and ignores Ctrl-C. */
import { spawn } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

import { expect, test } from "vitest";

const ROOT = new URL("../../../", import.meta.url).pathname;

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
