/** [LOG24] How publishers find out that a hub is late. */
import { expect, test } from "vitest";

import { Lateness } from "../../../relay/publish/lateness.ts";

function after(...tookMs: readonly number[]): Lateness {
  const lateness = new Lateness();
  for (const ms of tookMs) lateness.onAcknowledged(ms);
  return lateness;
}

const times = (count: number, ms: number): number[] => Array.from({ length: count }, () => ms);

test("[LOG24] a hub that is merely far away is not late, and a moment of lateness is none", () => {
  expect(after().paceMs).toBe(0);
  expect(after(...times(100, 200)).paceMs).toBe(0);
  expect(after(...times(20, 4), 130, 127, ...times(5, 4)).paceMs).toBe(0);
});

test("[LOG24] [LOG64] a hub that goes on being late by so much is sent frames four times as far apart, and at most a second", () => {
  expect(after(...times(20, 4), ...times(60, 254)).paceMs).toBeCloseTo(800, -1);
  expect(after(...times(20, 4), ...times(60, 5_000)).paceMs).toBe(1_000);
});

test("[LOG24] also where it was late from the first frame on", () => {
  expect(after(...times(60, 1_000)).paceMs).toBe(1_000);
});

test("[LOG24] once it is in time the pace is the hub's again", () => {
  expect(after(...times(20, 4), ...times(60, 1_000), ...times(30, 5)).paceMs).toBe(0);
});
