/** The lint rules of this repository: that each finds what it is for, and the table of rooms. */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";

import { afterAll, expect, test } from "vitest";

import { importProblem, roomOf } from "../bin/lint/house.js";
import { ROOMS } from "../bin/lint/rooms.js";

const ROOT = join(import.meta.dirname, "..");
/** In a room, so that the rules hold there; no test or program reads it. */
const PLAYGROUND = mkdtempSync(join(ROOT, "shared/lib/lint-"));
afterAll(() => rmSync(PLAYGROUND, { recursive: true }));

function lint(code: string): string {
  const file = join(PLAYGROUND, "code.ts");
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, code);
  const oxlint = join(ROOT, "node_modules/.bin/oxlint");
  const { stdout } = spawnSync(process.execPath, [oxlint, file], { cwd: ROOT, encoding: "utf8" });
  return stdout;
}

test("[NAM4] a room's line names rooms before it only, so no import runs back up", () => {
  const names = Object.keys(ROOMS);
  for (const [room, may] of Object.entries(ROOMS))
    for (const other of may) {
      expect(names, `${room} names ${other}`).toContain(other);
      expect(names.indexOf(other), `${room} names ${other}`).toBeLessThan(names.indexOf(room));
    }
});

test("[NAM4] every permission of a room is used by an import, and every file has a room", () => {
  const used = new Set<string>();
  for (const side of ["shared", "worker", "relay", "cli"])
    for (const path of readdirSync(join(ROOT, side), { recursive: true, encoding: "utf8" })) {
      const file = posix.join(side, path);
      if (!file.endsWith(".ts") || file.includes("/lint-")) continue;
      const from = roomOf(file);
      expect(from, file).toBeDefined();
      const text = readFileSync(join(ROOT, file), "utf8");
      for (const [, specifier = ""] of text.matchAll(/(?:from|import\()\s*"(\.[^"]+)"/g)) {
        const imported = posix.join(posix.dirname(file), specifier);
        expect(importProblem(file, imported)).toBeNull();
        used.add(`${from} → ${roomOf(imported)}`);
      }
    }
  const permitted = Object.entries(ROOMS).flatMap(([room, may]) =>
    may.map((other) => `${room} → ${other}`),
  );
  expect(permitted.filter((one) => !used.has(one))).toEqual([]);
});

test("[NAM4] an import that runs up, or from one side to another, is an error", () => {
  expect(importProblem("shared/log/a.ts", "worker/mesh/b.ts")).toMatch(/may not import/);
  expect(importProblem("worker/origin/log/a.ts", "worker/origin/readers/b.ts")).toMatch(/may not/);
  expect(importProblem("nowhere/a.ts", "shared/lib/b.ts")).toMatch(/in no room/);
  expect(lint('import { x } from "../../log/cursor.ts";\nexport const y = x;\n')).toContain(
    "shared/lib may not import shared/log",
  );
});

test("[NAM5] a document from outside is not cast, and a comment has at most 100 columns", () => {
  for (const code of [
    "export const a = (text: string) => JSON.parse(text) as string[];",
    "export const a = (text: string) => (JSON.parse(text) as unknown) as string[];",
    "export const a = async (r: { json(): Promise<unknown> }) => (await r.json()) as string[];",
  ])
    expect(lint(`${code}\n`), code).toContain("a document from outside is not cast");
  expect(lint("export const a = (text: string) => JSON.parse(text) as unknown;\n")).not.toContain(
    "not cast",
  );
  expect(lint(`/** ${"word ".repeat(20)}*/\nexport const a = 1;\n`)).toContain("at most 100");
  expect(lint(`/** ${"word ".repeat(18)}*/\nexport const a = 1;\n`)).not.toContain("at most 100");
});

test("[NAM5] a file of the product has at most 300 lines, and a function at most 60", () => {
  const lines = Array.from({ length: 301 }, (_, n) => `export const a${n} = 1;\n`);
  expect(lint(lines.join(""))).toContain("max-lines");
  expect(lint(lines.slice(1).join(""))).not.toContain("max-lines");
  const body = "  n += 1;\n".repeat(60);
  expect(lint(`export function f(n: number): number {\n${body}  return n;\n}\n`)).toContain(
    "max-lines-per-function",
  );
});

test("[NAM6] no test sets a limit of its own, and none waits for the second that vitest waits", () => {
  for (const path of readdirSync(join(ROOT, "test"), { recursive: true, encoding: "utf8" })) {
    if (!path.endsWith(".test.ts") || path === "lint.test.ts") continue;
    const text = readFileSync(join(ROOT, "test", path), "utf8");
    const limits = [
      /\{ timeout: [\d_]+ \},? (?:async )?\(/,
      /^\s*\}, [\d_]{5,}\);$/m,
      /vi\.wait(?:For|Until)\((?![^;]*timeout)/,
    ].filter((limit) => limit.test(text));
    expect(limits, path).toEqual([]);
  }
});
