import fc from "fast-check";
import { expect, test } from "vitest";

import { pack } from "../../../shared/lib/msgpack.ts";
import { decodeRecord, encodeRecord } from "../../../shared/record/encoding.ts";
import { FieldError, WireReader } from "../../../shared/record/wire-reader.ts";
import { pod } from "../../support/records.ts";

type Value = null | number | string | Uint8Array | readonly Value[];

/** By what the value is, as a field would. */
function readAs(value: Value, wire: WireReader): unknown {
  if (value === null) return wire.nil() ? null : "no nil";
  if (typeof value === "number") return wire.uint();
  if (typeof value === "string") return wire.takeText(wire.text());
  if (value instanceof Uint8Array) return Uint8Array.from(wire.takeBytes(wire.byteString()));
  const count = wire.list();
  return count === value.length ? value.map((entry) => readAs(entry as Value, wire)) : count;
}

const leaf = fc.oneof(
  fc.nat(65_535),
  fc.string({ maxLength: 400 }),
  fc.string({ unit: "grapheme", maxLength: 40 }),
  fc.constantFrom(
    "é",
    "\ufeffbom",
    "x".repeat(31),
    "x".repeat(32),
    "x".repeat(255),
    "x".repeat(256),
  ),
  fc.uint8Array({ maxLength: 400 }),
  fc.constantFrom(null, 127, 128, 255, 256, 65_535),
);
const { value } = fc.letrec<{ value: Value; list: Value[] }>((tie) => ({
  value: fc.oneof({ weight: 3, arbitrary: leaf }, { weight: 1, arbitrary: tie("list") }),
  list: fc.array(tie("value"), { maxLength: 40 }),
}));

test("[REC4] it reads what pack writes, to the end", () => {
  fc.assert(
    fc.property(value, (written) => {
      const wire = new WireReader(pack(written));
      expect(readAs(written, wire)).toEqual(written);
      expect(wire.isAtEnd).toBe(true);
    }),
    { numRuns: 5_000 },
  );
});

test.each([
  ["a number in one byte more", [0xcc, 5], (wire: WireReader) => wire.uint()],
  ["a number in two bytes more", [0xcd, 0, 200], (wire: WireReader) => wire.uint()],
  ["a short list with a long head", [0xdc, 0, 1, 5], (wire: WireReader) => wire.list()],
  ["a short text with a long head", [0xd9, 1, 0x61], (wire: WireReader) => wire.text()],
  [
    "a text with a head of 16 bits",
    [0xda, 0, 40, ...Array<number>(40).fill(0x61)],
    (wire: WireReader) => wire.text(),
  ],
  ["few bytes with a head of 16 bits", [0xc5, 0, 1, 5], (wire: WireReader) => wire.byteString()],
] as const)("[REC4] %s is not canonical", (_, bytes, read) => {
  expect(() => read(new WireReader(Uint8Array.from(bytes)))).toThrow(FieldError);
});

test("[REC4] what is of another kind, or larger than a field has, is not read", () => {
  const read = (value: unknown) => new WireReader(pack(value));
  for (const other of ["5", -1, 1.5, 65_536, 2 ** 40, true, null, [5]])
    expect(read(other).uint()).toBe(-1);
  for (const other of [5, Uint8Array.of(5), null, ["a"], { a: 1 }, undefined])
    expect(read(other).text()).toBe(-1);
  expect(read("text").byteString()).toBe(-1);
  expect(read("text").list()).toBe(-1);
  expect(read({ a: 1 }).list()).toBe(-1);
  expect(read(0).nil()).toBe(false);
});

test("[REC4] a record that is cut off anywhere, or has something behind its end, is refused", () => {
  const bytes = encodeRecord(
    pod("web", "10.20.0.1", { app: "é".repeat(200), role: "x".repeat(40) }),
  );
  expect(decodeRecord(bytes).ok).toBe(true);
  for (let length = 0; length < bytes.length; length++)
    expect(decodeRecord(bytes.subarray(0, length)).ok).toBe(false);
  for (const more of [0, 0xa0, 0xc0])
    expect(decodeRecord(Uint8Array.of(...bytes, more))).toMatchObject({
      error: { field: "record", rule: "must be in canonical encoding" },
    });
});

test("[REC4] text that is not UTF-8 is refused with its field", () => {
  const bytes = encodeRecord(pod("web", "10.20.0.1", { app: "abcdef" }));
  const at = Buffer.from(bytes).indexOf("abcdef");
  for (const wrong of [[0xff], [0xc3, 0x28], [0xed, 0xa0, 0x80], [0xc0, 0x80]]) {
    const broken = Uint8Array.from(bytes);
    broken.set(wrong, at);
    expect(decodeRecord(broken)).toMatchObject({
      error: { field: "labels", rule: "value of app must be UTF-8" },
    });
  }
});
