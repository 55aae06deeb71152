import { expect, test } from "vitest";

import { HalfClosedSockets } from "../../../worker/origin/budgets/half-closed-sockets.ts";

test("[LOG9] [LOG48] sockets that were closed and do not go are too much when there are 16 of them for a minute", () => {
  const lingering = new HalfClosedSockets();
  for (let n = 0; n < 15; n++) lingering.closed(`s${n}`, n);
  // A few are borne, however long.
  expect(lingering.askAfterMs(1e9)).toBeNull();
  expect(lingering.isTooMuch(1e9)).toBe(false);
  lingering.closed("s15", 10_000);
  expect(lingering.askAfterMs(20_000)).toBe(50_000);
  expect(lingering.isTooMuch(69_999)).toBe(false);
  expect(lingering.isTooMuch(70_000)).toBe(true);
  // One that goes after all makes it bearable again, and a later one counts from its own time.
  lingering.gone("s3");
  expect(lingering.isTooMuch(70_000)).toBe(false);
  lingering.closed("s16", 65_000);
  expect(lingering.askAfterMs(70_000)).toBe(55_000);
  expect(lingering.isTooMuch(125_000)).toBe(true);
  expect(lingering.sockets()).toHaveLength(16);
});

test("[LOG9] hundreds that are closed at once and answer are nothing", () => {
  const lingering = new HalfClosedSockets();
  for (let n = 0; n < 500; n++) lingering.closed(`s${n}`, 0);
  expect(lingering.askAfterMs(1_000)).toBe(59_000);
  for (let n = 0; n < 500; n++) lingering.gone(`s${n}`);
  expect(lingering.isTooMuch(60_000)).toBe(false);
  expect(lingering.sockets()).toEqual([]);
});
