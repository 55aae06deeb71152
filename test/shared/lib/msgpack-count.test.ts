import fc from "fast-check";
import { pack } from "msgpackr";
import { expect, test } from "vitest";

import { countValues } from "../../../shared/lib/msgpack-count.ts";

/** By its definition. */
function valuesIn(value: unknown): number {
  if (Array.isArray(value)) return value.reduce<number>((sum, each) => sum + valuesIn(each), 1);
  return 1;
}

test("[PRO9] the values of any msgpack list are counted from its heads, and no further than asked", () => {
  const leaf = fc.oneof(
    fc.integer(),
    fc.double(),
    fc.string({ maxLength: 300 }),
    fc.uint8Array({ maxLength: 300 }),
    fc.constantFrom(null, true, false),
  );
  const { list } = fc.letrec((tie) => ({
    list: fc.array(fc.oneof({ depthSize: "small" }, leaf, tie("list")), { maxLength: 40 }),
  }));
  fc.assert(
    fc.property(list, (value) => {
      const bytes = Uint8Array.from(pack(value));
      const count = valuesIn(value);
      expect(countValues(bytes, 100_000)).toBe(count);
      expect(countValues(bytes, 3)).toBeGreaterThanOrEqual(Math.min(count, 4));
      expect(countValues(bytes, 3) <= 3).toBe(count <= 3);
    }),
  );
});

test("[PRO9] any bytes are counted to an end", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      expect(countValues(bytes, 1_000)).toBeGreaterThanOrEqual(0);
    }),
  );
  expect(countValues(Uint8Array.of(0xc6, 1), 10)).toBe(Infinity);
  // Ten bytes for which 256 MB of room would be made.
  expect(countValues(Uint8Array.of(0x92, 1, 0xdd, 1, 0xff, 0xff, 0xff), 1_000)).toBe(Infinity);
});
