/** How long changes take: windows, the hub's clock, and what is reported. */
import { describe, expect, test } from "vitest";

import { HubClock } from "../../../relay/hub/hub-clock.ts";
import { LatencyWindows } from "../../../relay/view/latency-windows.ts";
import { RemoteLatency } from "../../../relay/view/remote-latency.ts";

const MINUTE_MS = 60_000;

describe("windows", () => {
  test("[API55] p50 and p99 over 1, 5 and 60 minutes, never below what it was and at most 12 % above", () => {
    const windows = new LatencyWindows();
    for (let i = 1; i <= 100; i++) windows.add(i * 10, 90 * MINUTE_MS);
    const [one, five, sixty] = windows.windows(90 * MINUTE_MS) ?? [];
    expect([one, five]).toEqual([sixty, sixty]);
    const [count = 0, p50 = 0, p99 = 0] = one ?? [];
    expect(count).toBe(100);
    expect(p50).toBeGreaterThanOrEqual(500);
    expect(p50).toBeLessThanOrEqual(500 * 1.12 + 1);
    expect(p99).toBeGreaterThanOrEqual(990);
    expect(p99).toBeLessThanOrEqual(990 * 1.12 + 1);
  });

  test("[API55] what is old leaves the short windows first, and an hour later all of them", () => {
    const windows = new LatencyWindows();
    windows.add(5, 0);
    windows.add(500, 3 * MINUTE_MS);
    const counts = (nowMs: number) => windows.windows(nowMs)?.map(([count]) => count) ?? null;
    expect(counts(3 * MINUTE_MS)).toEqual([1, 2, 2]);
    expect(counts(7 * MINUTE_MS)).toEqual([0, 1, 2]);
    expect(counts(20 * MINUTE_MS)).toEqual([0, 0, 2]);
    expect(counts(200 * MINUTE_MS)).toBeNull();
  });

  test("[API55] times that cannot be are counted as the least or the most", () => {
    const windows = new LatencyWindows();
    for (const tookMs of [-50, 0, 1, 1e12]) windows.add(tookMs, 0);
    const [[count, p50, p99] = []] = windows.windows(0) ?? [];
    expect([count, p50]).toEqual([4, 1]);
    expect(p99).toBeGreaterThan(1_000_000);
  });
});

/** A hub whose clock is ahead, and whose answers take a while. */
function clockOf(trips: readonly (number | Error)[], aheadMs = 5_000) {
  let nowMs = 1_000;
  let asked = 0;
  const clock = new HubClock({
    now: () => nowMs,
    ask: async () => {
      const trip = trips[asked++ % trips.length];
      if (trip instanceof Error) throw trip;
      nowMs += (trip ?? 0) / 4;
      const hubMs = nowMs + aheadMs;
      nowMs += ((trip ?? 0) * 3) / 4;
      return hubMs;
    },
  });
  const settle = async (): Promise<void> => {
    for (let i = 0; i < 50; i++) await Promise.resolve();
  };
  return {
    clock,
    settle,
    asked: () => asked,
    pass: (ms: number) => (nowMs += ms),
    now: () => nowMs,
  };
}

describe("the hub's clock", () => {
  test("[API55] is known within half the shortest round trip, and the error grows with time", async () => {
    const { clock, settle, pass, now } = clockOf([40, 8, 100, 60, 20]);
    expect(clock.now()).toBeNull();
    await settle();
    const known = clock.now();
    expect(known?.errorMs).toBeGreaterThanOrEqual(4);
    expect(known?.errorMs).toBeLessThan(5);
    expect(Math.abs((known?.ms ?? 0) - now() - 5_000)).toBeLessThanOrEqual(known?.errorMs ?? 0);
    pass(200_000);
    const later = clock.now();
    expect(later?.errorMs).toBeGreaterThan(10);
    expect(Math.abs((later?.ms ?? 0) - now() - 5_000)).toBeLessThanOrEqual(later?.errorMs ?? 0);
  });

  test("[API55] is asked again when it is old, and only when somebody wants to know", async () => {
    const { clock, settle, asked, pass } = clockOf([10]);
    clock.now();
    clock.now();
    await settle();
    expect(asked()).toBe(5);
    pass(299_000);
    await settle();
    clock.now();
    await settle();
    expect(asked()).toBe(5);
    pass(60_000);
    clock.now();
    await settle();
    expect(asked()).toBe(10);
  });

  test("[API55] of a hub that does not answer nothing is known, and what was known stays", async () => {
    const { clock, settle, pass } = clockOf([
      new Error("away"),
      10,
      10,
      10,
      10,
      10,
      new Error("x"),
    ]);
    clock.now();
    await settle();
    expect(clock.now()).toBeNull();
    pass(11_000);
    clock.now();
    await settle();
    expect(clock.now()?.errorMs).toBeLessThan(6);
    pass(310_000);
    clock.now();
    await settle();
    expect(clock.now()).not.toBeNull();
  });
});

test("[API55] a report is the same for ten seconds, and absent without a clock or a change", () => {
  let nowMs = 0;
  const hubTime = { now: () => ({ ms: 1_000_000 + nowMs, errorMs: 3 }) };
  const latency = new RemoteLatency({ now: () => nowMs, hubTime });
  expect(latency.report()).toEqual({});
  latency.onApplied(1_000_000 - 100);
  const first = latency.report();
  expect(first.latency).toMatchObject({ atMs: 1_000_000, errorMs: 4 });
  expect(first.latency?.windows.map(([count]) => count)).toEqual([1, 1, 1]);
  latency.onApplied(1_000_000 - 300);
  nowMs = 9_000;
  expect(latency.report().latency).toBe(first.latency);
  nowMs = 10_000;
  expect(latency.report().latency?.windows.map(([count]) => count)).toEqual([2, 2, 2]);
  const blind = new RemoteLatency({ now: () => nowMs });
  blind.onApplied(1);
  expect(blind.report()).toEqual({});
});

test("[API55] a hub's clock that is set back does not keep what was told before it", () => {
  let [nowMs, hubMs] = [0, 7_200_000];
  const latency = new RemoteLatency({
    now: () => nowMs,
    hubTime: { now: () => ({ ms: hubMs, errorMs: 2 }) },
  });
  latency.onApplied(hubMs - 1_000);
  expect(latency.report().latency?.windows[0]?.[0]).toBe(1);
  [nowMs, hubMs] = [11_000, 11_000];
  latency.onApplied(hubMs - 10);
  const told = latency.report().latency;
  expect([told?.atMs, told?.windows.map(([count]) => count)]).toEqual([11_000, [2, 2, 2]]);
});

test("[EVT15] a report has the newest change where it took more than 10 s, and none once one is in time", () => {
  const nowMs = 1_000_000;
  const hubTime = { now: () => ({ ms: nowMs, errorMs: 500 }) };
  const latency = new RemoteLatency({ now: () => nowMs, hubTime });
  expect(latency.lag()).toEqual({});
  // By as much as its clock may be wrong it may have been in time.
  latency.onApplied(nowMs - 10_500);
  expect(latency.lag()).toEqual({});
  latency.onApplied(nowMs - 10_501);
  expect(latency.lag()).toEqual({ lag: { atMs: nowMs, ms: 10_001 } });
  latency.onApplied(nowMs - 50);
  expect(latency.lag()).toEqual({});
});
