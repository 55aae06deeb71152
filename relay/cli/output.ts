/** Lists as people and programs want them: aligned columns, or `-o json|yaml|wide|name`. [CLI3] */
import stringWidth from "string-width";
import { stringify } from "yaml";

export const OUTPUTS = ["json", "yaml", "wide", "name"] as const;
export type Output = (typeof OUTPUTS)[number];

export interface Column<T> {
  readonly title: string;
  readonly of: (row: T) => string;
  /** Shown with `-o wide` only. */
  readonly wide?: boolean;
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
      return `${JSON.stringify({ items: rows }, null, 2)}\n`;
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
  if (output === "json") return `${JSON.stringify(value, null, 2)}\n`;
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
  return cells
    .map(
      (line) =>
        `${line
          .map((cell, i) => cell + " ".repeat((widths[i] ?? 0) - stringWidth(cell)))
          .join("  ")
          .trimEnd()}\n`,
    )
    .join("");
}

/** Names come from other clusters: a control character must not reach the terminal. */
function oneLine(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, "?");
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
