/**
 * What Go's JSON package makes of a text, given the type it is read into: an oracle for which values end a Felix. Written from the rules of
 * encoding/json (Go 1.26): field names match in any case, unknown ones are skipped, null leaves the zero value, a value of another type is an error
 * for the whole text.
 */

/** The text cannot be read into the type. */
export class GoError extends Error {}

export type Shape<T> = {
  /** @throws GoError */
  read(json: unknown): T;
  readonly zero: () => T;
};

/** A number keeps its spelling: Go reads integers of 64 bits, and no `1e3` into one. */
class NumberText {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** @throws GoError for a text that is not JSON, or not of the shape. */
export function goDecode<T>(text: string, shape: Shape<T>): T {
  let json: unknown;
  try {
    json = JSON.parse(text, (_key, value: unknown, ...rest: unknown[]) =>
      typeof value === "number"
        ? new NumberText((rest[0] as { readonly source: string }).source)
        : value,
    );
  } catch (error) {
    throw new GoError(`not JSON: ${(error as Error).message}`);
  }
  return shape.read(json);
}

export const text: Shape<string> = {
  read: (json) => (json === null ? "" : typeof json === "string" ? json : fail("a string", json)),
  zero: () => "",
};

export const bool: Shape<boolean> = {
  read: (json) => (json === null ? false : typeof json === "boolean" ? json : fail("a bool", json)),
  zero: () => false,
};

export function integer(min: bigint, max: bigint): Shape<bigint> {
  return {
    read: (json) => {
      if (json === null) return 0n;
      if (!(json instanceof NumberText) || !/^-?\d+$/.test(json.text)) fail("an integer", json);
      const value = BigInt((json as NumberText).text);
      return value >= min && value <= max ? value : fail(`within ${min} to ${max}`, json);
    },
    zero: () => 0n,
  };
}
export const int = integer(-(2n ** 63n), 2n ** 63n - 1n);
export const uint64 = integer(0n, 2n ** 64n - 1n);
export const uint16 = integer(0n, 65_535n);

export function list<T>(of: Shape<T>): Shape<readonly T[]> {
  return {
    read: (json) =>
      json === null
        ? []
        : Array.isArray(json)
          ? json.map((one) => of.read(one))
          : fail("a list", json),
    zero: () => [],
  };
}

export function map<T>(of: Shape<T>): Shape<ReadonlyMap<string, T>> {
  return {
    read: (json) =>
      json === null
        ? new Map<string, T>()
        : new Map(Object.entries(object(json)).map(([key, value]) => [key, of.read(value)])),
    zero: () => new Map<string, T>(),
  };
}

/** `null` and absence are no value. */
export function pointer<T>(of: Shape<T>): Shape<T | null> {
  return { read: (json) => (json === null ? null : of.read(json)), zero: () => null };
}

export type StructOf<F> = { readonly [K in keyof F]: F[K] extends Shape<infer T> ? T : never };

export function struct<F extends Readonly<Record<string, Shape<unknown>>>>(
  fields: F,
): Shape<StructOf<F>> {
  const zero = () =>
    Object.fromEntries(Object.entries(fields).map(([name, of]) => [name, of.zero()]));
  return {
    read: (json) => {
      const value: Record<string, unknown> = zero();
      if (json === null) return value as StructOf<F>;
      for (const [key, given] of Object.entries(object(json))) {
        const name = Object.hasOwn(fields, key)
          ? key
          : Object.keys(fields).find((field) => field.toLowerCase() === key.toLowerCase());
        if (name !== undefined) value[name] = fields[name]?.read(given);
      }
      return value as StructOf<F>;
    },
    zero: () => zero() as StructOf<F>,
  };
}

/** A type that reads a JSON string by itself; it is asked about null too. */
export function parsed<T>(parse: (given: string) => T | null, what: string, zero: T): Shape<T> {
  return {
    read: (json) => {
      const value = json === null ? parse("") : typeof json === "string" ? parse(json) : null;
      return value ?? fail(what, json);
    },
    zero: () => zero,
  };
}

/** A number or a string, as it is spelled. */
export const numberOrText: Shape<{ readonly number: string } | { readonly text: string }> = {
  read: (json) => {
    if (typeof json === "string") return { text: json };
    if (json === null) return { number: "0" };
    return json instanceof NumberText ? { number: json.text } : fail("a number or string", json);
  },
  zero: () => ({ text: "" }),
};

function object(json: unknown): Readonly<Record<string, unknown>> {
  if (typeof json !== "object" || Array.isArray(json) || json instanceof NumberText)
    fail("an object", json);
  return json as Record<string, unknown>;
}

function fail(what: string, json: unknown): never {
  throw new GoError(
    `must be ${what}, is ${json instanceof NumberText ? json.text : JSON.stringify(json)}`,
  );
}
