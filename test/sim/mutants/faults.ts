/**
 * Finds the lines `// fault: NAME` of the product, and changes the statements behind them. A label
 * is a comment, so the product has no code for it, and a bundle nothing at all.
 */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import type { Fault } from "./mutant.ts";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../../..");
const FOLDERS = ["shared", "worker", "relay"];
const LABEL = /^ *\/\/ fault: ([a-z-]+)$/gm;

/** Label and file, from the project's root. */
export interface Label {
  readonly name: string;
  readonly file: string;
}

/** All labels of the product. */
export function findLabels(): Label[] {
  return FOLDERS.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
      .filter((path) => path.endsWith(".ts") && !path.includes("node_modules"))
      .map((path) => join(folder, path))
      .flatMap((file) =>
        [...readFileSync(join(ROOT, file), "utf8").matchAll(LABEL)].map(([, name = ""]) => ({
          name,
          file,
        })),
      ),
  );
}

/** @throws Error where the label, or the part of the statement that is changed, is not there. */
export function plant(text: string, name: string, fault: Fault): string {
  const label = `// fault: ${name}\n`;
  if (text.split(label).length !== 2) throw new Error(`no such label, or several: ${name}`);
  const from = text.indexOf(label) + label.length;
  const to = statementEnd(text, from);
  const planted = changed(text.slice(from, to), fault);
  if (planted === null) throw new Error(`the statement at ${name} has no ${fault.kind}`);
  return text.slice(0, from) + planted + text.slice(to);
}

function changed(statement: string, fault: Fault): string | null {
  switch (fault.kind) {
    case "skip":
      return "";
    case "instead":
      return fault.do;
    case "before":
      return `${fault.do}\n${statement}`;
    case "condition": {
      const at = /^\s*if \(/.exec(statement);
      if (at === null) return null;
      const end = closing(statement, at[0].length - 1);
      return (
        at[0] + withOriginal(fault.is, statement.slice(at[0].length, end)) + statement.slice(end)
      );
    }
    case "value": {
      const at = /^\s*(?:return |[^=;(]+ = )/.exec(statement);
      if (at === null || !statement.endsWith(";")) return null;
      return `${at[0]}${withOriginal(fault.is, statement.slice(at[0].length, -1))};`;
    }
  }
}

function withOriginal(code: string, original: string): string {
  return code.replaceAll("$", () => `(${original})`);
}

/** Where the statement ends that begins at `from`: behind its `;`, or the `}` of its block. */
function statementEnd(text: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    const character = text[at] ?? "";
    if (character === ";") return at + 1;
    if ("([{".includes(character)) {
      at = closing(text, at);
      if (character === "{" && /^\s*(?!else\b)[^\s;,).?]/.test(text.slice(at + 1))) return at + 1;
    } else if (`"'\``.includes(character)) at = stringEnd(text, at);
  }
  throw new Error("the statement has no end");
}

/** Index of the bracket that closes the one at `open`. */
function closing(text: string, open: number): number {
  let depth = 0;
  for (let at = open; at < text.length; at++) {
    const character = text[at] ?? "";
    if ("([{".includes(character)) depth++;
    else if (")]}".includes(character) && --depth === 0) return at;
    else if (`"'\``.includes(character)) at = stringEnd(text, at);
  }
  throw new Error("a bracket is not closed");
}

function stringEnd(text: string, open: number): number {
  for (let at = open + 1; at < text.length; at++)
    if (text[at] === "\\") at++;
    else if (text[at] === text[open]) return at;
  throw new Error("a string is not closed");
}
