/**
 * How often the tests of this folder do what they do: a few times with all other tests, as often as
 * is asked in the suite of their own.
 */
export function rounds(few: number, many: number): number {
  return process.env["CATWALK_FAULTS"] === "many" ? many : few;
}
