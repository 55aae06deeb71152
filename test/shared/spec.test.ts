/**
 * SPEC.md against the tests and the code: a rule that nobody shows, or a number that names nothing,
 * is found here.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "vitest";

const ROOT = join(import.meta.dirname, "../..");
/** A prefix has two or three characters, a letter first: `E2E` has a digit. */
const RULE = String.raw`([A-Z][A-Z0-9]{0,1}[A-Z])(\d+)`;
const NUMBER = new RegExp(String.raw`\[${RULE}\]`, "g");
const RANGE = new RegExp(String.raw`\[${RULE}\.\.${RULE}\]`, "g");
const START = new RegExp(String.raw`^- \[${RULE}\] (.*)$`);
/** Of what a rule says, without its number. */
const MAX_CHARACTERS = 300;

const spec = readFileSync(join(ROOT, "SPEC.md"), "utf8");

interface Rule {
  readonly prefix: string;
  readonly number: number;
  readonly text: string;
}

/** The lists of rules: what is between two lines that belong to none. */
const lists: readonly (readonly Rule[])[] = listsOf(spec);
const rules = lists.flat().map(({ prefix, number }) => `${prefix}${number}`);

function listsOf(text: string): Rule[][] {
  const found: Rule[][] = [];
  let list: Rule[] | null = null;
  for (const line of text.split("\n")) {
    const [, prefix = "", number, words = ""] = START.exec(line) ?? [];
    const last = list?.at(-1);
    if (number !== undefined) {
      if (list === null) found.push((list = []));
      list.push({ prefix, number: Number(number), text: words });
    } else if (line.startsWith("  ") && list !== null && last !== undefined)
      list[list.length - 1] = { ...last, text: `${last.text} ${line.trim()}` };
    else list = null;
  }
  return found;
}

/** Numbers that a text names, both ends of ranges too. */
function numbersOf(text: string): string[] {
  return [
    ...[...text.matchAll(NUMBER)].map(([, prefix, number]) => `${prefix}${number}`),
    ...[...text.matchAll(RANGE)].flatMap(([, p1, n1, p2, n2]) => [`${p1}${n1}`, `${p2}${n2}`]),
  ];
}

function numbersIn(...folders: readonly string[]): Set<string> {
  const numbers = new Set<string>();
  for (const folder of folders)
    for (const file of readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })) {
      if (!/\.(?:ts|js|md)$/.test(file) || /fixtures|(?:^|\/)node_modules\//.test(file)) continue;
      const text = readFileSync(join(ROOT, folder, file), "utf8");
      for (const number of numbersOf(text)) numbers.add(number);
    }
  return numbers;
}

const DOCUMENTS = ["README.md", "DESIGN.md", "CONTRIBUTING.md", "CHANGELOG.md", "SPEC.md"];

test("[NAM2] every rule of SPEC.md has a number of its own", () => {
  expect(rules.length).toBeGreaterThan(250);
  expect(rules.filter((number, i) => rules.indexOf(number) !== i)).toEqual([]);
});

test("[NAM2] every rule of SPEC.md is named by a test", () => {
  const shown = numbersIn("test");
  expect(rules.filter((number) => !shown.has(number))).toEqual([]);
});

test("[NAM2] every number, and both ends of every range, that code, tests and documents name is a rule", () => {
  const named = numbersIn("shared", "worker", "relay", "test", "bin", "docs", "deploy");
  for (const name of DOCUMENTS)
    for (const number of numbersOf(readFileSync(join(ROOT, name), "utf8"))) named.add(number);
  expect([...named].filter((number) => !rules.includes(number))).toEqual([]);
  const limits = spec.slice(spec.indexOf("## Limits"), spec.indexOf("## Names"));
  const bounded = [...limits.matchAll(new RegExp(String.raw`\b${RULE}\b`, "g"))].map(
    ([number]) => number,
  );
  expect(bounded.length).toBeGreaterThan(15);
  expect(bounded.filter((number) => !rules.includes(number))).toEqual([]);
});

test("[NAM2] a range names one prefix, and goes up", () => {
  const texts = DOCUMENTS.map((name) => readFileSync(join(ROOT, name), "utf8"));
  for (const folder of ["shared", "worker", "relay", "test"])
    for (const file of readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" }))
      if (file.endsWith(".ts") && !file.includes("fixtures"))
        texts.push(readFileSync(join(ROOT, folder, file), "utf8"));
  const wrong = texts.flatMap((text) =>
    [...text.matchAll(RANGE)].filter(([, p1, n1, p2, n2]) => p1 !== p2 || Number(n1) >= Number(n2)),
  );
  expect(wrong.map(([range]) => range)).toEqual([]);
});

test("[NAM2] rules have at most 300 characters, and each list has one prefix in the order of its numbers", () => {
  const long = lists.flat().flatMap(({ prefix, number, text }) => {
    const rule = `[${prefix}${number}] ${text}`;
    return rule.length > MAX_CHARACTERS ? [`${prefix}${number} has ${rule.length}`] : [];
  });
  expect(long).toEqual([]);
  for (const list of lists) {
    const [first] = list;
    expect(list.filter(({ prefix }) => prefix !== first?.prefix)).toEqual([]);
    const numbers = list.map(({ number }) => number);
    expect(numbers, first?.prefix).toEqual(numbers.toSorted((a, b) => a - b));
  }
});

test("[NAM2] every prefix has a section that names it, and its rules are there", () => {
  const sections = spec.split(/^## /m).slice(1);
  const astray = sections.flatMap((section) => {
    const [title = ""] = section.split("\n");
    return listsOf(section)
      .flat()
      .filter(({ prefix }) => !title.includes(`[${prefix}]`));
  });
  expect(astray.map(({ prefix, number }) => `${prefix}${number}`)).toEqual([]);
});
