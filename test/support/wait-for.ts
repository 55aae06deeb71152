/** Waits until an assertion holds. A busy machine takes its time; the test's own limit ends it. */
import { vi } from "vitest";

const PATIENCE_MS = 300_000;
const LOOK_MS = 10;

/** @param assertion Throws while what is waited for is not there. */
export function waitFor(assertion: () => void | Promise<void>): Promise<void> {
  return vi.waitFor(assertion, { timeout: PATIENCE_MS, interval: LOOK_MS });
}
