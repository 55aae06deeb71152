import fc from "fast-check";
import { expect, test } from "vitest";

import { pack } from "../../../shared/lib/msgpack.ts";
import { WireWriter } from "../../../shared/record/wire-writer.ts";

const leaf = fc.oneof(
  fc.nat(65_535),
  fc.string({ maxLength: 400 }),
  fc.string({ unit: "grapheme", maxLength: 400 }),
  fc.uint8Array({ maxLength: 400 }),
  fc.constantFrom(null, 0, 127, 128, 255, 256, 65_535),
  fc.constantFrom("x".repeat(31), "x".repeat(32), "x".repeat(255), "x".repeat(256)),
  fc.constantFrom("é".repeat(15), "é".repeat(16), "é".repeat(127), "é".repeat(128)),
  // What no field takes is told by the reader, so it is written all the same.
  fc.oneof(fc.integer(), fc.double({ noNaN: true }), fc.boolean(), fc.constant(undefined)),
);
const values = fc.array(fc.oneof(leaf, fc.array(leaf, { maxLength: 40 })), { maxLength: 40 });

test("[REC3] values are written as the general packer writes them", () => {
  const writer = new WireWriter();
  fc.assert(
    fc.property(values, fc.nat(40), (written, most) => {
      const count = Math.min(most, written.length);
      expect(writer.list(written, count)).toEqual(pack(written.slice(0, count)));
    }),
    { numRuns: 2_000 },
  );
});

test.each([
  ["a text of 64 KiB", ["x".repeat(65_536)]],
  ["a text of 64 KiB in UTF-8", ["é".repeat(32_768)]],
  ["bytes of 64 KiB", [new Uint8Array(65_536)]],
  ["a list of 65,536 values", [Array<number>(65_536).fill(1)]],
  ["texts past all that is kept", Array<string>(20).fill("x".repeat(60_000))],
])("[REC3] %s is written, and what follows as well", (_name, written) => {
  const writer = new WireWriter();
  expect(writer.list(written, written.length)).toEqual(pack(written));
  expect(writer.list(["a", 1], 2)).toEqual(pack(["a", 1]));
});
