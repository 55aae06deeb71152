import fc from "fast-check";
import { expect, test } from "vitest";

import { EndpointIndex } from "../../../relay/policy/endpoint-index.ts";
import { matches } from "../../../shared/selector/ast.ts";
import type { Selector } from "../../../shared/selector/ast.ts";

const label = fc.constantFrom("app", "role", "constructor");
const value = fc.constantFrom("", "a", "b");
const { selector } = fc.letrec<{ selector: Selector }>((tie) => ({
  selector: fc.oneof(
    { maxDepth: 3 },
    fc.constant<Selector>({ op: "all" }),
    fc.record({ op: fc.constant("has" as const), label }),
    fc.record({ op: fc.constantFrom("==" as const, "!=" as const), label, value }),
    fc.record({
      op: fc.constantFrom("in" as const, "not in" as const),
      label,
      values: fc.array(value, { maxLength: 2 }),
    }),
    fc.record({ op: fc.constant("not" as const), operand: tie("selector") }),
    fc.record({
      op: fc.constantFrom("and" as const, "or" as const),
      operands: fc.array(tie("selector"), { minLength: 1, maxLength: 3 }),
    }),
  ),
}));

test("[SEL3] an index answers what looking at every endpoint answers, in the same order", () => {
  const endpoints = fc.array(fc.dictionary(label, value), { maxLength: 12 });
  fc.assert(
    fc.property(endpoints, fc.array(selector, { maxLength: 4 }), (all, selectors) => {
      const labelled = all.map((own, at) => ({
        at,
        labels: (name: string) => (Object.hasOwn(own, name) ? own[name] : undefined),
      }));
      const index = new EndpointIndex(labelled);
      for (const one of selectors)
        expect(index.matching(one).map(({ at }) => at)).toEqual(
          labelled.filter(({ labels }) => matches(one, labels)).map(({ at }) => at),
        );
    }),
    { numRuns: 1_000 },
  );
});
