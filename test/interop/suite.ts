/**
 * A list of checks with names, told as they go. Not a test runner: the order matters, and what a
 * check needs lives for minutes.
 */
import { isDeepStrictEqual } from "node:util";

export class Suite {
  passed = 0;
  failed = 0;

  async check(name: string, body: () => Promise<void> | void): Promise<void> {
    const began = performance.now();
    try {
      await body();
      this.passed++;
      process.stdout.write(`ok   ${name} (${((performance.now() - began) / 1000).toFixed(1)} s)\n`);
    } catch (error) {
      this.failed++;
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      process.stdout.write(`FAIL ${name}\n${text.replaceAll(/^/gm, "     ")}\n`);
    }
  }
}

/** @throws with the first keys that differ. */
export function mustEqual(
  actual: ReadonlyMap<string, unknown>,
  expected: ReadonlyMap<string, unknown>,
): void {
  const differences = differencesOf(actual, expected);
  if (differences.length > 0)
    throw new Error(`${differences.length} keys differ:\n${differences.slice(0, 10).join("\n")}`);
}

export function differencesOf(
  actual: ReadonlyMap<string, unknown>,
  expected: ReadonlyMap<string, unknown>,
): readonly string[] {
  const keys = [...new Set([...actual.keys(), ...expected.keys()])].toSorted();
  return keys
    .filter((key) => !isDeepStrictEqual(actual.get(key), expected.get(key)))
    .map(
      (key) =>
        `${key}\n  is       ${JSON.stringify(actual.get(key))}\n  expected ${JSON.stringify(expected.get(key))}`,
    );
}
