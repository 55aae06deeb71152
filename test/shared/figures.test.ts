/** docs/figures.md against the results that it is made from. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "vitest";

import { figure } from "../bench/figure.ts";
import { isMet, readResults, renderFigures, summarise } from "../bench/results.ts";
import type { Result } from "../bench/results.ts";

const ROOT = join(import.meta.dirname, "../..");

test("[NAM3] docs/figures.md is what the kept results give", () => {
  const made = renderFigures(readResults(join(ROOT, "test/bench/results")));
  expect(readFileSync(join(ROOT, "docs/figures.md"), "utf8")).toBe(made);
});

test("[NAM3] rounds give a median with its range, and the goal is judged by it", () => {
  const at = { commit: "abc", date: "2026-11-30" };
  const round = (p99: number, rate: number) => [
    figure("p99", p99, "ms", 10),
    figure("rate", rate, "/s", 100, false),
    figure("seen", 1, "", null),
  ];
  const results = summarise("b", [round(9, 90), round(30, 120), round(8, 95)], at);
  expect(results).toMatchObject([
    { bench: "b", name: "p99", goal: 10, median: 9, min: 8, max: 30, rounds: 3, commit: "abc" },
    { name: "rate", goal: 100, median: 95, min: 90, max: 120 },
    { name: "seen", goal: null },
  ]);
  expect(results.map(isMet)).toEqual([true, false, null]);
});

test("[NAM3] where only a range was kept the worst of it is judged; the newest result is shown", () => {
  const old: Result = {
    bench: "b",
    name: "p99",
    unit: "ms",
    goal: 10,
    isMost: true,
    median: null,
    min: 5,
    max: 11,
    rounds: 3,
    commit: null,
    date: "2026-11-22",
  };
  expect(isMet(old)).toBe(false);
  expect(isMet({ ...old, isMost: false, goal: 5 })).toBe(true);
  const newer = { ...old, median: 7, commit: "abc", date: "2026-11-30" };
  const made = renderFigures([
    { machine: "one", results: [old] },
    { machine: "two", results: [newer] },
  ]);
  expect(made.match(/^\| p99 .*$/gm)).toEqual([
    "| p99 | ms | ≤ 10 | 7 | 5 | 11 | 3 | abc | 2026-11-30 | ✔ |",
  ]);
});
