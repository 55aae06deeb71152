/** SECURITY.md: each attack that was tried names rules, and the files whose tests hold them. */
import { existsSync, readFileSync, statSync } from "node:fs";

import { expect, test } from "vitest";

const ROOT = new URL("../../", import.meta.url);

interface Row {
  readonly attack: string;
  readonly rules: readonly string[];
  readonly files: readonly string[];
}

function rows(): Row[] {
  const text = readFileSync(new URL("SECURITY.md", ROOT), "utf8");
  const [, table = ""] = text.split("## Attacks that were tried");
  return table.split("\n").flatMap((line) => {
    const [, attack = "", , where = ""] = line.split("|").map((cell) => cell.trim());
    const files = [...where.matchAll(/`(test\/[^`]+)`/g)].map(([, file = ""]) => file);
    const rules = [...where.matchAll(/\[([A-Z]{2,3}\d+)\]/g)].map(([, rule = ""]) => rule);
    return where === "" || attack === "attack" || where.startsWith("-")
      ? []
      : [{ attack, rules, files }];
  });
}

/** Rules that titles of a file begin with. */
function titled(file: string): string {
  const text = readFileSync(new URL(file, ROOT), "utf8");
  return [...text.matchAll(/["'`]((\[[A-Z]{2,3}\d+\] )+)/g)].map(([, rules]) => rules).join("");
}

test("each attack in SECURITY.md names rules, and for each a file that has a test of it", () => {
  const all = rows();
  expect(all.length).toBeGreaterThan(25);
  for (const { attack, rules, files } of all) {
    expect(rules, attack).not.toEqual([]);
    for (const file of files)
      expect(existsSync(new URL(file, ROOT)) && statSync(new URL(file, ROOT)).isFile(), file).toBe(
        true,
      );
    const titles = files.map(titled);
    const untested = rules.filter((rule) => !titles.some((each) => each.includes(`[${rule}]`)));
    expect(untested, attack).toEqual([]);
    const idle = files.filter((_, i) => !rules.some((rule) => titles[i]?.includes(`[${rule}]`)));
    expect(idle, attack).toEqual([]);
  }
});
