import fc from "fast-check";
import { expect, test } from "vitest";

import { pack } from "../../../shared/lib/msgpack.ts";
import { FieldError, WireReader } from "../../../shared/record/wire-reader.ts";
import { Words } from "../../../shared/record/words.ts";

function noX(text: string): string {
  if (text.includes("x")) throw new FieldError("must have no x");
  return text;
}

test("[REC4] text is the same, and is refused the same, however often it came before", () => {
  const texts = fc.array(
    fc.oneof(
      fc.constantFrom("app", "appx", "é", "\u00e9x", "", "w".repeat(64), "w".repeat(65)),
      fc.string({ maxLength: 70 }),
      fc.nat(5_000).map((n) => `word-${n}`),
    ),
    { maxLength: 300 },
  );
  const words = new Words(noX);
  fc.assert(
    fc.property(texts, (list) => {
      for (const text of [...list, ...list, ...list]) {
        const wire = new WireReader(pack(text));
        if (text.includes("x")) expect(() => words.read(wire)).toThrow("must have no x");
        else {
          expect(words.read(wire)).toBe(text);
          expect(wire.isAtEnd).toBe(true);
        }
      }
    }),
  );
});

test("[REC4] what is read again is not checked again, unless it is not ASCII", () => {
  const checked: string[] = [];
  const words = new Words((text) => {
    checked.push(text);
    return text;
  });
  for (const text of ["app", "app", "app", "app", "é", "é", "é"])
    words.read(new WireReader(pack(text)));
  expect(checked).toEqual(["app", "app", "é", "é", "é"]);
});

test("[REC4] a byte that is no character of its own is not taken for one that is known", () => {
  const words = new Words((text) => text);
  for (let i = 0; i < 3; i++) words.read(new WireReader(pack("é")));
  expect(() => words.read(new WireReader(Uint8Array.of(0xa1, 0xe9)))).toThrow("must be UTF-8");
});
