import { expect, test } from "vitest";

import { nextRetry } from "../../../shared/lib/retry.ts";
import type { Outage } from "../../../shared/lib/retry.ts";

const POLICY = { shortestMs: 250, longestMs: 15_000, healthyMs: 5_000 };
const LATEST = (): number => 0;
const since = (sinceMs: number): Outage => ({ sinceMs });

test.each([
  ["a first loss", null, { nowMs: 1_000, heldMs: 60_000 }, 1_000, 250],
  ["a hub that does not answer at the start", null, { nowMs: 0, heldMs: null }, 0, 250],
  ["half a second away", since(500), { nowMs: 1_000, heldMs: null }, 500, 250],
  ["two seconds away", since(0), { nowMs: 2_000, heldMs: null }, 0, 1_000],
  ["ten minutes away", since(0), { nowMs: 600_000, heldMs: null }, 0, 15_000],
  ["accepted and closed at once", since(0), { nowMs: 8_000, heldMs: 20 }, 52, 3_974],
  ["held for half of it", since(0), { nowMs: 8_000, heldMs: 2_500 }, 5_250, 1_375],
  ["held for almost long enough", since(0), { nowMs: 8_000, heldMs: 4_999 }, 7_999, 250],
  ["held for long enough", since(0), { nowMs: 8_000, heldMs: 5_000 }, 8_000, 250],
] as const)("[FLT9] the longest wait after %s", (_name, outage, loss, sinceMs, delayMs) => {
  expect(nextRetry(outage, loss, POLICY, LATEST)).toEqual({ outage: { sinceMs }, delayMs });
});

test("[FLT9] a wait is never zero, and spread over all of its range", () => {
  const delays = Array.from({ length: 500 }, (_, n) => n / 500).map(
    (random) => nextRetry(null, { nowMs: 0, heldMs: null }, POLICY, () => random).delayMs,
  );
  expect(Math.min(...delays)).toBeGreaterThan(0);
  for (let from = 0; from < 250; from += 50) {
    const part = delays.filter((ms) => ms > from && ms <= from + 50);
    expect(part.length).toBeGreaterThan(80);
  }
});

/** From each loss to contact, of a hub that is killed every `everyMs` and away for `awayMs`. */
function foundAfter(awayMs: number, links: number, everyMs = 10_000): number[] {
  let seed = 7;
  const random = (): number => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
  const found: number[] = [];
  for (let link = 0; link < links; link++) {
    let outage: Outage = null;
    let openedMs = 0;
    for (let killMs = everyMs; killMs <= 20 * everyMs; killMs += everyMs) {
      let heldMs: number | null = killMs - openedMs;
      let nowMs = killMs;
      while (nowMs < killMs + awayMs || heldMs !== null) {
        const retry = nextRetry(outage, { nowMs, heldMs }, POLICY, random);
        outage = retry.outage;
        nowMs += retry.delayMs;
        heldMs = null;
      }
      openedMs = nowMs;
      found.push(nowMs - killMs);
    }
  }
  return found.toSorted((a, b) => a - b);
}

test("[FLT9] a hub that is killed every 10 s is found again soon after each time", () => {
  for (const awayMs of [100, 500, 800, 1_500, 2_000]) {
    const found = foundAfter(awayMs, 200);
    const at = (part: number): number => found[Math.floor(found.length * part)] ?? 0;
    expect(at(0.5)).toBeLessThanOrEqual(awayMs + 350);
    expect(at(0.99)).toBeLessThanOrEqual(Math.max(awayMs * 1.5, awayMs + 250));
  }
});

test("[FLT9] one that never holds for 5 s is found soon too, the twentieth time as the first", () => {
  for (const awayMs of [100, 500, 800]) {
    const found = foundAfter(awayMs, 200, 4_000);
    const at = (part: number): number => found[Math.floor(found.length * part)] ?? 0;
    expect(at(0.5)).toBeLessThanOrEqual(awayMs + 450);
    expect(at(0.99)).toBeLessThanOrEqual(awayMs * 1.5 + 900);
  }
});
