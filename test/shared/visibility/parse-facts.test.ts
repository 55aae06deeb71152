import { expect, test } from "vitest";

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
