/** Lists as people and programs want them: aligned columns, or `-o json|yaml|wide|name`. [CLI3] */
import stringWidth from "string-width";
import { stringify } from "yaml";

import { jsonText, printable } from "../admin/terminal.ts";

export const OUTPUTS = ["json", "yaml", "wide", "name"] as const;
export type Output = (typeof OUTPUTS)[number];

export interface Column<T> {
  readonly title: string;
  readonly of: (row: T) => string;
  /** Shown with `-o wide` only. */
  readonly wide?: boolean;
  /** The last one: its words go on in further lines where a screen ends, but not with `-o wide`. */
  readonly wraps?: boolean;
}

export interface ListShape<T> {
  readonly columns: readonly Column<T>[];
  /** One line a row for `-o name`. */
  readonly name: (row: T) => string;
  /** Said instead of an empty table. */
  readonly empty: string;
}

/** @returns Text with a final newline. */
export function renderList<T>(
  rows: readonly T[],
  shape: ListShape<T>,
  output: Output | undefined,
): string {
  switch (output) {
    case "json":
      return `${jsonText({ items: rows }, 2)}\n`;
    case "yaml":
      return stringify({ items: rows });
    case "name":
      return rows.map((row) => `${shape.name(row)}\n`).join("");
    case "wide":
    case undefined:
      return rows.length === 0 ? `${shape.empty}\n` : renderTable(rows, shape, output === "wide");
  }
}

/** One object: YAML for people, since a single thing has no columns. */
export function renderOne(value: unknown, name: string, output: Output | undefined): string {
  if (output === "json") return `${jsonText(value, 2)}\n`;
  if (output === "name") return `${name}\n`;
  return stringify(value);
}

function renderTable<T>(rows: readonly T[], shape: ListShape<T>, isWide: boolean): string {
  const columns = shape.columns.filter((column) => isWide || column.wide !== true);
  const cells = [
    columns.map((column) => column.title),
    ...rows.map((row) => columns.map((column) => oneLine(column.of(row)) || "-")),
  ];
  const widths = columns.map((_, i) =>
    Math.max(...cells.map((line) => stringWidth(line[i] ?? ""))),
  );
  const isWrapped = !isWide && columns.at(-1)?.wraps === true;
  const indent = widths.slice(0, -1).reduce((sum, width) => sum + width + 2, 0);
  const room = Math.max(LEAST_ROOM, screenWidth() - indent);
  return cells
    .map((line) => {
      const lasts = isWrapped ? wrapWords(line.at(-1) ?? "", room) : [line.at(-1) ?? ""];
      const first = [...line.slice(0, -1), lasts[0] ?? ""]
        .map((cell, i) => cell + " ".repeat(Math.max(0, (widths[i] ?? 0) - stringWidth(cell))))
        .join("  ");
      return [first, ...lasts.slice(1).map((text) => " ".repeat(indent) + text)]
        .map((text) => `${text.trimEnd()}\n`)
        .join("");
    })
    .join("");
}

/** Of a column that wraps, however long the others are. */
const LEAST_ROOM = 24;

/** Columns of the terminal; 80 where the output goes elsewhere. */
export function screenWidth(): number {
  return process.stdout.columns || 80;
}

/** Lines of whole words; a word that is longer has a line of its own. */
export function wrapWords(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (line !== "" && stringWidth(longer) > width) {
      lines.push(line);
      line = word;
    } else line = longer;
  }
  return [...lines, line];
}

/** Without line ends: a name that has some stays in its cell. */
export function oneLine(text: string): string {
  return printable(text).replaceAll(/[\n\t]/g, "?");
}

/** `3s`, `4m`, `2h`, `5d`: the largest whole unit. */
export function renderAge(ms: number | null): string {
  if (ms === null) return "";
  const seconds = Math.floor(ms / 1000);
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}
