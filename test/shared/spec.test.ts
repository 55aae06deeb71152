/** SPEC.md against the tests and the code: a rule that nobody shows, or a number that names nothing, is found here. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "vitest";

const ROOT = join(import.meta.dirname, "../..");
const NUMBER = /\[([A-Z]{2,3}\d+)\]/g;

const spec = readFileSync(join(ROOT, "SPEC.md"), "utf8");
const rules = [...spec.matchAll(/^- \[([A-Z]{2,3}\d+)\]/gm)].map(([, number]) => number ?? "");

function numbersIn(...folders: readonly string[]): Set<string> {
  const numbers = new Set<string>();
  for (const folder of folders)
    for (const file of readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })) {
      if (!file.endsWith(".ts") || file.includes("fixtures/")) continue;
      const text = readFileSync(join(ROOT, folder, file), "utf8");
      for (const [, number] of text.matchAll(NUMBER)) numbers.add(number ?? "");
    }
  return numbers;
}

test("[NAM2] every rule of SPEC.md has a number of its own", () => {
  expect(rules.filter((number, i) => rules.indexOf(number) !== i)).toEqual([]);
});

test("[NAM2] every rule of SPEC.md is named by a test", () => {
  const shown = numbersIn("test");
  expect(rules.filter((number) => !shown.has(number))).toEqual([]);
});

test("[NAM2] every number that the code, the tests and SPEC.md itself name is a rule", () => {
  const named = numbersIn("shared", "worker", "relay", "test");
  for (const [, number] of spec.matchAll(NUMBER)) named.add(number ?? "");
  expect([...named].filter((number) => !rules.includes(number))).toEqual([]);
});
