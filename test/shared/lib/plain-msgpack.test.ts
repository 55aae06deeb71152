import fc from "fast-check";
import { expect, test } from "vitest";

import { equalBytes } from "../../../shared/lib/bytes.ts";
import { pack, unpack } from "../../../shared/lib/msgpack.ts";
import { isPlainMsgpack } from "../../../shared/lib/plain-msgpack.ts";

const leaf = fc.oneof(
  fc.integer({ min: 0, max: 70_000 }),
  fc.string({ maxLength: 300 }),
  fc.constantFrom("é", "x".repeat(31), "x".repeat(32), "x".repeat(255), "x".repeat(256)),
  fc.uint8Array({ maxLength: 300 }),
  fc.constantFrom(null, -1, 1.5, true, 127, 128, 255, 256, 65_535, 65_536),
);
const { value } = fc.letrec((tie) => ({
  value: fc.oneof({ weight: 3, arbitrary: leaf }, { weight: 1, arbitrary: tie("list") }),
  list: fc.array(tie("value"), { maxLength: 20 }),
}));

test("what it calls plain is what pack writes", () => {
  fc.assert(
    fc.property(
      value,
      fc.array(fc.tuple(fc.nat(500), fc.nat(255)), { maxLength: 3 }),
      (packed, edits) => {
        const bytes = pack(packed);
        for (const [at, byte] of edits) bytes[at % bytes.length] = byte;
        if (!isPlainMsgpack(bytes)) return;
        const unpacked = unpack(bytes);
        expect(unpacked.ok && equalBytes(pack(unpacked.value), bytes)).toBe(true);
      },
    ),
    { numRuns: 20_000 },
  );
});

test("records of plain text are plain", () => {
  expect(
    isPlainMsgpack(pack([1, 0, "node-1", Uint8Array.of(10, 0, 0, 1), ["a", "b"], 65_535, null])),
  ).toBe(true);
  expect(isPlainMsgpack(pack([1, "x".repeat(200), Array(40).fill(200)]))).toBe(true);
});
