/** For what cannot happen unless the program is wrong; expected failures are return values. */
export function must<T>(value: T | null | undefined, what: string): T {
  if (value === null || value === undefined) throw new Error(`BUG: ${what}`);
  return value;
}

export function assertNever(value: never): never {
  throw new Error(`BUG: unexpected ${JSON.stringify(value)}`);
}
