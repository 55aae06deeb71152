import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "vitest";

import { formatSelector, matches } from "../../../shared/selector/ast.ts";
import { parseSelector } from "../../../shared/selector/parse.ts";

interface Row {
  readonly selector: string;
  readonly valid: boolean;
  readonly normalized?: string;
  readonly id?: string;
  readonly cases?: readonly {
    readonly labels: Readonly<Record<string, string>>;
    readonly match: boolean;
  }[];
}

const table = readFileSync(
  join(import.meta.dirname, "../../fixtures/golden/selectors/table.jsonl"),
  "utf8",
)
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line) as Row);

test("[SEL1] every selector of Calico's table is valid or not as there", () => {
  expect(table.length).toBeGreaterThan(400);
  const wrong = table
    .filter((row) => parseSelector(row.selector).ok !== row.valid)
    .map((row) => row.selector);
  expect(wrong).toEqual([]);
});

test("[SEL2] normal forms, and the ids made of them, are Calico's", () => {
  for (const row of table) {
    const parsed = parseSelector(row.selector);
    if (!parsed.ok) continue;
    const normal = formatSelector(parsed.selector);
    expect(normal).toBe(row.normalized);
    expect(`s:${createHash("sha224").update(`s:${normal}`).digest("base64url")}`).toBe(row.id);
    expect(parseSelector(normal).ok).toBe(true);
  }
});

test("[SEL3] every case of the table matches as in Calico", () => {
  for (const row of table) {
    const parsed = parseSelector(row.selector);
    if (!parsed.ok) continue;
    for (const { labels, match } of row.cases ?? [])
      expect({
        selector: row.selector,
        labels,
        match: matches(parsed.selector, (label) =>
          Object.hasOwn(labels, label) ? labels[label] : undefined,
        ),
      }).toEqual({
        selector: row.selector,
        labels,
        match,
      });
  }
});

test("[SEL1] an error names the place", () => {
  const parsed = parseSelector("role == ");
  expect(parsed.ok ? "" : parsed.error).toBe(
    'expected a quoted value after == at position 9 of "role == "',
  );
  expect(parseSelector(`${"(".repeat(5_000)}all()`).ok).toBe(false);
  expect(parseSelector(`${"!".repeat(100_000)}all()`).ok).toBe(true);
});
