import { expect, test } from "vitest";

import { decodeMessage, encodeMessage } from "../../../shared/protocol/codec.ts";
import type { EdgeReport } from "../../../shared/visibility/facts.ts";
import { parseEdgeReports } from "../../../shared/visibility/parse-facts.ts";

const edge = {
  rcc: "db",
  origin: { uid: "b".repeat(32), name: "db" },
  connectionStatus: 2,
  endpoints: 1,
  refused: 0,
  digest: null,
  revision: 1,
};

test("[PRO10] a report is checked up to the first edge that is wrong, which is named; more than 1,000 are not looked at", () => {
  const bad = Array.from({ length: 1_000 }, () => ({ a: 1 }));
  expect(parseEdgeReports(JSON.stringify([edge, ...bad.slice(1)]))).toEqual({
    ok: false,
    rule: "1.rcc: must be set",
  });
  expect(parseEdgeReports(JSON.stringify([edge, null]))).toEqual({
    ok: false,
    rule: expect.stringMatching(/^1: /),
  });
  const many = parseEdgeReports(JSON.stringify([...bad, edge]));
  expect(many).toMatchObject({ ok: false, rule: expect.stringContaining("1000") });
  expect(parseEdgeReports(JSON.stringify([edge]))).toEqual({ ok: true, value: [edge] });
});

test("[PRO9] the longest report that a relay makes fits: as many edges as RCCs, with the longest names", () => {
  const longest: EdgeReport = {
    rcc: "r".repeat(63),
    origin: { uid: "0".repeat(32), name: "c".repeat(63) },
    connectionStatus: 2,
    endpoints: 600_000,
    refused: 600_000,
    digest: "f".repeat(32),
    revision: Number.MAX_SAFE_INTEGER,
    conflicts: 600_000,
    lag: { atMs: Number.MAX_SAFE_INTEGER, ms: 600_000 },
  };
  const edges = JSON.stringify(Array.from({ length: 1_000 }, () => longest));
  const cluster = "x".repeat(64 * 1024);
  const bytes = encodeMessage({ type: "report", edges, cluster });
  expect(decodeMessage(bytes).ok).toBe(true);
});
