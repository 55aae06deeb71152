import fc from "fast-check";
import { expect, test } from "vitest";

import { jsonItems } from "../../../shared/lib/json-items.ts";
import { parseJson } from "../../../shared/lib/parse-json.ts";

/** As a whole, for comparison. */
function parsed(text: string): unknown[] | null {
  const whole = parseJson(text);
  return whole.ok && Array.isArray(whole.value) ? whole.value : null;
}

function inParts(text: string): unknown[] | null {
  const items = jsonItems(text, Number.POSITIVE_INFINITY)?.map((item) => parseJson(item));
  if (items === undefined) return null;
  const values = items.flatMap((item) => (item.ok ? [item.value] : []));
  return values.length === items.length ? values : null;
}

test("[LOG74] a JSON array in parts is what it is as a whole, whatever is in it", () => {
  const spaces = fc.constantFrom("", " ", "\n", "\t \r\n");
  fc.assert(
    fc.property(fc.array(fc.jsonValue(), { maxLength: 8 }), spaces, (values, space) => {
      const text = `${space}[${values.map((value) => `${space}${JSON.stringify(value)}${space}`).join(",")}]${space}`;
      expect(inParts(text)).toEqual(parsed(text));
    }),
  );
});

test("[LOG74] a text that is no JSON array is none in parts", () => {
  const signs = fc.constantFrom("[", "]", "{", "}", ",", ":", '"', "\\", " ", "1", '"a"', "null");
  fc.assert(
    fc.property(fc.array(signs, { maxLength: 12 }), (some) => {
      const text = some.join("");
      expect(inParts(text)).toEqual(parsed(text));
      expect(inParts(`[${text}]`)).toEqual(parsed(`[${text}]`));
    }),
    { numRuns: 2_000 },
  );
  for (const text of ["", "[", "[1", "[1,", "[1,]", "[,]", "[]]", '["', '["\\"]', "{}", "[1}2]"])
    expect(inParts(text), text).toEqual(parsed(text));
});

test("[LOG74] of a longer array nothing is looked for beyond its bound", () => {
  expect(jsonItems("[1,2,3,", 2)).toEqual(["1", "2", "3"]);
  expect(jsonItems("[1,2]", 2)).toEqual(["1", "2"]);
});
