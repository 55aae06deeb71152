import fc from "fast-check";
import { expect, test } from "vitest";

import { canonicalSelector, formatSelector } from "../../../shared/selector/ast.ts";
import type { Selector } from "../../../shared/selector/ast.ts";
import { parseSelector } from "../../../shared/selector/parse.ts";

const label = fc.constantFrom("a", "in", "not", "has", "all", "pcns.x", "a.b/c-d_e", "starts");
const value = fc.constantFrom("", "x", "all()", "a in {'b'}", 'say "hi"', "it's", "!has(a)");

const { selector } = fc.letrec<{ selector: Selector }>((tie) => ({
  selector: fc.oneof(
    { maxDepth: 6, withCrossShrink: true },
    fc.constantFrom<Selector>({ op: "all" }, { op: "global" }),
    label.map((one): Selector => ({ op: "has", label: one })),
    fc
      .tuple(label, fc.constantFrom("==", "!=", "contains", "starts with", "ends with"), value)
      .map(([one, op, text]) => ({ op, label: one, value: text }) as Selector),
    fc
      .tuple(label, fc.constantFrom("in", "not in"), fc.uniqueArray(value))
      .map(([one, op, values]) => ({ op, label: one, values: values.toSorted() }) as Selector),
    tie("selector").map((operand): Selector => ({ op: "not", operand })),
    fc
      .tuple(
        fc.constantFrom<"and" | "or">("and", "or"),
        fc.array(tie("selector"), { minLength: 2, maxLength: 3 }),
      )
      .map(([op, operands]): Selector => ({ op, operands })),
  ),
}));

/** Spaces and parentheses that mean nothing. */
function sloppy(text: string): string {
  return `( ${text.replaceAll("&&", "\t&& ").replaceAll(" == ", "==")} )`;
}

function read(text: string): Selector {
  const parsed = parseSelector(text);
  if (!parsed.ok) throw new Error(`${text}: ${parsed.error}`);
  return parsed.selector;
}

test("[SEL8] the canonical form of any selector reads as itself, and Calico's normal form leads to the same", () => {
  fc.assert(
    fc.property(selector, (given) => {
      const canonical = canonicalSelector(given);
      expect(canonicalSelector(read(canonical))).toBe(canonical);
      expect(formatSelector(read(canonical))).toBe(canonical);
      expect(canonicalSelector(read(sloppy(formatSelector(given))))).toBe(canonical);
    }),
    { numRuns: 2_000 },
  );
});

test("[SEL8] what is nested too deep for its own normal form is refused", () => {
  // Each level is two of the normal form, and one of the text.
  const nested = (levels: number): string =>
    levels === 0 ? "has(a)" : `has(b) || has(c) && (${nested(levels - 1)})`;
  expect(parseSelector(nested(150))).toMatchObject({
    ok: false,
    error: expect.stringContaining("nested deeper than 200"),
  });
  const normal = canonicalSelector(read(nested(90)));
  expect(canonicalSelector(read(normal))).toBe(normal);
});
