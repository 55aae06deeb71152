import { expect, test } from "vitest";

import { afterSend, dueMs, retryAfterMs } from "../../../shared/webhooks/retry.ts";
import { targetProblem } from "../../../shared/webhooks/target.ts";

const RULE = { advice: "somebody may allow that" };
const NOW = Date.UTC(2026, 10, 30);
const answered = (status: number, retryAfter: number | null = null) =>
  ({ kind: "answered", status, retryAfterMs: retryAfter }) as const;

test("[EVT5] retries after 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, then hourly, as Retry-After asks", () => {
  const waits = Array.from({ length: 9 }, (_, i) => {
    const after = afterSend(answered(503), i + 1, NOW, NOW);
    return after.kind === "again" ? (after.dueMs - NOW) / 1000 : after.kind;
  });
  expect(waits).toEqual([5, 300, 1800, 7200, 18_000, 36_000, 3600, 3600, 3600]);
  expect(afterSend(answered(429, 60_000), 1, null, NOW)).toMatchObject({ dueMs: NOW + 60_000 });
  // Not for longer than a day, and never sooner than the schedule.
  expect(afterSend(answered(429, 9e9), 1, null, NOW)).toMatchObject({ dueMs: NOW + 86_400_000 });
  expect(afterSend(answered(429, 1), 2, null, NOW)).toMatchObject({ dueMs: NOW + 300_000 });
  expect(retryAfterMs("120", NOW)).toBe(120_000);
  expect(retryAfterMs(new Date(NOW + 5_000).toUTCString(), NOW)).toBe(5_000);
  expect(retryAfterMs("soon", NOW)).toBeNull();
});

test("[EVT5] 2xx is delivered, 3xx is not, 410 and five days of failures disable", () => {
  expect(afterSend(answered(204), 1, null, NOW).kind).toBe("delivered");
  expect(afterSend(answered(302), 1, null, NOW).kind).toBe("again");
  expect(afterSend(answered(410), 1, null, NOW).kind).toBe("disable");
  const failed = { kind: "failed", error: "no answer" } as const;
  const days = (n: number) => NOW - n * 86_400_000;
  expect(afterSend(failed, 30, days(4.9), NOW).kind).toBe("again");
  expect(afterSend(failed, 30, days(5), NOW).kind).toBe("disable");
});

test("[EVT5] a clock that goes back keeps nothing waiting", () => {
  expect(dueMs({ dueMs: NOW + 86_400_001 }, NOW)).toBe(NOW);
  expect(dueMs({ dueMs: NOW + 3_600_000 }, NOW)).toBe(NOW + 3_600_000);
});

test("[EVT8] targets are https and public, unless the hub's operator allows more", () => {
  const refused = [
    "ftp://ops.example/hook",
    "not a url",
    "http://ops.example/hook",
    "https://user:word@ops.example/hook",
    ...["127.0.0.1", "localhost", "10.0.0.1", "172.20.1.1", "192.168.1.1", "169.254.169.254"].map(
      (host) => `https://${host}/hook`,
    ),
    ...["[::1]", "[fd00::1]", "[fe80::1]", "[::ffff:10.0.0.1]", "0x7f.1", "2130706433"].map(
      (host) => `https://${host}/hook`,
    ),
    ...["hub", "hub.local", "metadata.google.internal", "a.localhost"].map(
      (host) => `https://${host}/hook`,
    ),
  ];
  for (const url of refused)
    expect([url, targetProblem(url, { ...RULE, allowPrivate: false })]).not.toEqual([url, null]);
  expect(targetProblem("https://ops.example/hook", { ...RULE, allowPrivate: false })).toBeNull();
  expect(targetProblem("https://203.0.114.9/hook", { ...RULE, allowPrivate: false })).toBeNull();
  expect(
    targetProblem("http://10.0.0.1:9093/api/v2/alerts", { ...RULE, allowPrivate: true }),
  ).toBeNull();
  expect(targetProblem("ftp://ops.example/hook", { ...RULE, allowPrivate: true })).not.toBeNull();
});
