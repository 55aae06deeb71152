/**
 * How much a test does: a little with all other tests (`npm test`), as much as is asked in the
 * suite of `.ci/run` that is made for it (`CATWALK_ROUNDS=many`).
 */
export const isMany = process.env["CATWALK_ROUNDS"] === "many";

export function rounds(few: number, many: number): number {
  return isMany ? many : few;
}
