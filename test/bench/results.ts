/**
 * Kept results: one JSON file a day in `test/bench/results`, of which `docs/figures.md` is made. A
 * figure is one number of one benchmark over some rounds, with the goal that it is to reach.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { z } from "zod";

import type { Figure } from "./figure.ts";
import { median } from "./figure.ts";

const number = z.number().nullable();

const resultSchema = z.strictObject({
  bench: z.string(),
  name: z.string(),
  unit: z.string(),
  /** `null`: measured without one. */
  goal: number,
  /** Whether the goal is a most, or a least. */
  isMost: z.boolean(),
  /** `null`: only the range was kept. */
  median: number,
  min: z.number(),
  max: z.number(),
  rounds: z.int().positive(),
  /** `null`: was not kept. */
  commit: z.string().nullable(),
  date: z.iso.date(),
  note: z.string().optional(),
});
export type Result = z.infer<typeof resultSchema>;

const fileSchema = z.strictObject({ machine: z.string(), results: z.array(resultSchema) });
export type ResultFile = z.infer<typeof fileSchema>;

/** Files in the order of their names, which are dates. @throws when one is not of this form. */
export function readResults(folder: string): readonly ResultFile[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith(".json"))
    .toSorted()
    .map((name) => fileSchema.parse(JSON.parse(readFileSync(join(folder, name), "utf8"))));
}

/**
 * What rounds of one benchmark together say.
 * @param at The commit that was measured, and the day.
 */
export function summarise(
  bench: string,
  rounds: readonly (readonly Figure[])[],
  at: { readonly commit: string; readonly date: string },
): Result[] {
  return (rounds[0] ?? []).map(({ name, unit, target, isMost }) => {
    const values = rounds.flatMap((round) =>
      round.filter((figure) => figure.name === name).map(({ value }) => value),
    );
    return {
      bench,
      name,
      unit,
      goal: target,
      isMost,
      median: median(values),
      min: Math.min(...values),
      max: Math.max(...values),
      rounds: rounds.length,
      ...at,
    };
  });
}

/**
 * Whether the goal is met, by the median; where that was not kept, by the worst. `null` without a
 * goal.
 */
export function isMet({ goal, isMost, median: middle, min, max }: Result): boolean | null {
  if (goal === null) return null;
  const value = middle ?? (isMost ? max : min);
  return isMost ? value <= goal : value >= goal;
}

/** `docs/figures.md`: a table for each benchmark, of each figure its newest result. */
export function renderFigures(files: readonly ResultFile[]): string {
  const newest = new Map<string, Result>();
  for (const result of files.flatMap(({ results }) => results))
    newest.set(`${result.bench} ${result.name}`, result);
  const results = [...newest.values()];
  const benches = [...new Set(results.map(({ bench }) => bench))];
  return `${HEAD}
${[...new Set(files.map(({ machine }) => `- ${machine}`))].join("\n")}
${benches.map((bench) => table(bench, results)).join("")}`;
}

const HEAD = `# Figures

Made by \`npm run bench -- --markdown\` from \`test/bench/results\`; do not edit. \`npm run bench -- --keep
3 NAME\` measures a benchmark in three rounds and keeps what it gave. A goal is met by the median, or by
the worst round where no median was kept. Figures compare on one machine, at one time: see each row's
date.

Machines:
`;

function table(bench: string, results: readonly Result[]): string {
  const rows = results.filter((result) => result.bench === bench);
  const notes = rows.flatMap(({ name, note }) =>
    note === undefined ? [] : [`- ${name}: ${note}`],
  );
  return `
## ${bench}

| what | unit | goal | median | min | max | rounds | commit | date | met |
|---|---|---|---|---|---|---|---|---|---|
${rows.map(row).join("\n")}
${notes.length === 0 ? "" : `\n${notes.join("\n")}\n`}`;
}

function row(result: Result): string {
  const { name, unit, goal, isMost, median: middle, min, max, rounds, commit, date } = result;
  const met = isMet(result);
  const cells = [
    name,
    unit,
    goal === null ? "–" : `${isMost ? "≤" : "≥"} ${numberText(goal)}`,
    middle === null ? "–" : numberText(middle),
    numberText(min),
    numberText(max),
    String(rounds),
    commit ?? "–",
    date,
    met === null ? "–" : met ? "✔" : "✘",
  ];
  return `| ${cells.join(" | ")} |`;
}

function numberText(value: number): string {
  return value.toLocaleString("en-US", { maximumFractionDigits: 3 });
}
