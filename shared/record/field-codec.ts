/**
 * How one field of a record looks in the canonical encoding, and what lists of it have in common.
 */
import { FieldError } from "./wire-reader.ts";
import type { WireReader } from "./wire-reader.ts";

export interface FieldCodec<T> {
  /** Wire form of a valid value. @throws FieldError where there is none. */
  encode(value: T): unknown;
  /**
   * Checks a value together with its wire form: what passes is what `decode` takes, so that a
   * record need not be decoded to be checked.
   * @throws FieldError with the rule that it breaks.
   */
  check(value: T, wire: unknown): void;
  /**
   * Reads and checks a wire form, which must be the only one of its value.
   * @throws FieldError with the rule that it breaks.
   */
  decode(wire: WireReader): T;
  readonly fallback: T;
}

export function fail(rule: string): never {
  throw new FieldError(rule);
}

/** A lone surrogate has no UTF-8: another text would arrive. */
export function wellFormed(text: string): string {
  return text.isWellFormed() ? text : fail("must be well-formed Unicode");
}

/** The number of entries of the list that is next. */
export function entries(wire: WireReader, max: number): number {
  const count = wire.list();
  if (count < 0) fail("must be a list");
  return limited(count, max);
}

export function limited(count: number, max: number): number {
  return count <= max ? count : fail(`has ${count} entries, the limit is ${max}`);
}

export function isWithin(value: number, min: number, max: number): boolean {
  return Number.isInteger(value) && value >= min && value <= max;
}

export function listOf<T>(
  wire: WireReader,
  max: number,
  one: (wire: WireReader) => T,
): readonly T[] {
  const count = entries(wire, max);
  const list: T[] = [];
  for (let i = 0; i < count; i++) list.push(one(wire));
  return list;
}

export function bytes(wire: WireReader): Uint8Array {
  const length = wire.byteString();
  return length < 0 ? fail("must be bytes") : wire.takeBytes(length);
}
