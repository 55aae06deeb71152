import { expect, test } from "vitest";

import { LogLines } from "../../../worker/origin/log-lines.ts";

test("[LOG72] 20 warnings at once and one in 10 s, the next says how many were left out, and errors are always written", () => {
  let nowMs = 0;
  const written: Readonly<Record<string, unknown>>[] = [];
  const lines = new LogLines({ now: () => nowMs }, (line) => written.push(line));
  for (let n = 0; n < 500; n++) lines.add("warn", "a relay took over", { n });
  expect(written).toHaveLength(20);
  expect(written.at(-1)).toEqual({ level: "warn", message: "a relay took over", n: 19 });
  nowMs = 10_001;
  for (let n = 0; n < 5; n++) lines.add("warn", "again", {});
  expect(written.slice(20)).toEqual([{ level: "warn", message: "again", leftOut: 480 }]);
  lines.add("error", "an event failed", {});
  expect(written.at(-1)).toEqual({ level: "error", message: "an event failed", leftOut: 4 });
  for (nowMs = 11_000; nowMs < 111_000; nowMs += 50) lines.add("info", "and again", {});
  expect(written.length).toBeGreaterThanOrEqual(31);
  expect(written.length).toBeLessThanOrEqual(33);
});
