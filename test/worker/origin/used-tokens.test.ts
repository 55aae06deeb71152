import { expect, test } from "vitest";

import { LIMITS } from "../../../shared/protocol/limits.ts";
import { UsedTokens } from "../../../worker/origin/access/used-tokens.ts";
import { BUDGETS } from "../../../worker/origin/budgets/limits.ts";

const DB = "d".repeat(32);
const APP = "a".repeat(32);
const NOW = 1_790_000_000_000;

test("[CRE21] a token counts once for its cluster, for as long as any clock could take it", () => {
  const tokens = new UsedTokens();
  const token = { id: "one", issuedMs: NOW };
  expect(tokens.use(DB, token, NOW)).toBe("yes");
  for (const afterMs of [0, 1, 60_000, LIMITS.tokenMs, LIMITS.tokenMs + LIMITS.clockSkewMs - 1])
    expect(tokens.use(DB, token, NOW + afterMs)).toBe("token-used");
  expect(tokens.use(DB, { id: "two", issuedMs: NOW }, NOW)).toBe("yes");
  // Of another cluster's key it is another token.
  expect(tokens.use(APP, token, NOW)).toBe("yes");
});

test("[CRE22] what the process before may have seen is refused by its time of issue, beyond the skew", () => {
  const tokens = new UsedTokens();
  const issued = (beforeMs: number) => ({ id: `t${beforeMs}`, issuedMs: NOW - beforeMs });
  expect(tokens.use(DB, issued(LIMITS.clockSkewMs + 1_000), NOW)).toBe("clock-skew");
  expect(tokens.use(DB, issued(LIMITS.clockSkewMs), NOW)).toBe("yes");
  expect(tokens.use(DB, issued(LIMITS.clockSkewMs + 1_000), NOW + 200_000)).toBe("clock-skew");
});

test("[CRE22] memory is bounded; what had to be forgotten is refused, and what is new is taken", () => {
  const tokens = new UsedTokens();
  const at = (n: number): number => NOW + Math.floor(n / 100);
  for (let n = 0; n < BUDGETS.usedTokens + 200; n++)
    expect(tokens.use(DB, { id: `t${n}`, issuedMs: at(n) }, at(n))).toBe("yes");
  const now = at(BUDGETS.usedTokens + 200) + 1_000;
  expect(tokens.use(DB, { id: "t0", issuedMs: at(0) }, now)).toBe("clock-skew");
  expect(tokens.use(DB, { id: "new", issuedMs: now }, now)).toBe("yes");
  expect(tokens.use(DB, { id: "new", issuedMs: now }, now)).toBe("token-used");
});

test("[CRE22] clusters whose tokens have expired are forgotten", () => {
  const tokens = new UsedTokens();
  for (let n = 0; n < 1_000; n++) tokens.use(`cluster ${n}`, { id: "t", issuedMs: NOW }, NOW);
  expect(tokens.size).toBe(1_000);
  const later = NOW + LIMITS.tokenMs + LIMITS.clockSkewMs + 1_000;
  tokens.use(DB, { id: "t", issuedMs: later }, later);
  expect(tokens.size).toBe(1);
});

test("[CRE22] a clock of the hub that goes back refuses no token that is new by it", () => {
  const tokens = new UsedTokens();
  expect(tokens.use(DB, { id: "before", issuedMs: NOW }, NOW)).toBe("yes");
  const back = NOW - 3_600_000;
  expect(tokens.use(DB, { id: "after", issuedMs: back }, back)).toBe("yes");
  expect(tokens.use(DB, { id: "after", issuedMs: back }, back + 1_000)).toBe("token-used");
});
