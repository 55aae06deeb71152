import { expect, test } from "vitest";

import { decodeMessage, encodeMessage } from "../../../shared/protocol/codec.ts";
import type { EdgeReport } from "../../../shared/visibility/facts.ts";
import {
  parseClusterReport,
  parseEdgeReports,
  readClusterReport,
} from "../../../shared/visibility/parse-reports.ts";

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

const node = (n: number) => [`node-${n}`, `10.0.${n >> 8}.${n & 255}`, "", "", "", "", ""] as const;
const overlay = (nodes: readonly unknown[]) => ({
  nodes,
  nodeCount: nodes.length,
  addresses: nodes.map((_, n) => [`node-${n}`, "192.168.0.1"]),
  pools: [],
  handMade: [],
  services: [],
  params: {},
});
const cluster = {
  pools: ["10.20.0.0/16"],
  poolCount: 1,
  withheldPools: [],
  source: { state: "following", reason: "", sinceMs: 0 },
};

test("[LOG74] what is said of a cluster of 2,000 nodes is read in steps, and is what was said", () => {
  const said = { ...cluster, overlay: overlay(Array.from({ length: 2_000 }, (_, n) => node(n))) };
  const steps = readClusterReport(JSON.stringify(said));
  let count = 1;
  let step = steps.next();
  for (; step.done !== true; step = steps.next()) count++;
  expect(step.value).toEqual({ ok: true, value: said });
  expect(count).toBe(2 * (2_000 / 50 - 1) + 1);
  expect(parseClusterReport(JSON.stringify(cluster))).toEqual({ ok: true, value: cluster });
  // A relay of the version before says none.
  const { addresses: _, ...before } = overlay([node(1)]);
  expect(parseClusterReport(JSON.stringify({ ...cluster, overlay: before }))).toMatchObject({
    ok: true,
    value: { overlay: { nodes: [node(1)], addresses: [] } },
  });
});

test("[LOG74] [PRO10] lists of a report that are too long are refused before anything in them is looked at", () => {
  const many = Array.from({ length: 100_000 }, () => []);
  const said = (inner: object) => parseClusterReport(JSON.stringify({ ...cluster, ...inner }));
  expect(said({ overlay: overlay(many) })).toEqual({
    ok: false,
    rule: "overlay.nodes: must have at most 2000 items",
  });
  for (const inner of [
    { pools: many },
    { withheldPools: [[[many]]] },
    { exports: { summary: "", include: many } },
    { more: Object.fromEntries(many.map((_, n) => [`k${n}`, n])) },
    { overlay: { ...overlay([]), params: Object.fromEntries(many.map((_, n) => [n, ""])) } },
  ])
    expect(said(inner)).toEqual({ ok: false, rule: "must have at most 4000 values" });
  const path = { id: 1, nodes: many };
  expect(parseEdgeReports(JSON.stringify([edge, { ...edge, path }]))).toEqual({
    ok: false,
    rule: "1: must have at most 32768 characters",
  });
});

test("[API5] of what is said of a cluster the field that is wrong is named", () => {
  const ruleOf = (said: unknown) => parseClusterReport(JSON.stringify(said));
  expect(ruleOf({ ...cluster, overlay: overlay([node(1), ["x"]]) })).toMatchObject({
    rule: expect.stringMatching(/^overlay\.nodes\.1/),
  });
  expect(ruleOf({ ...cluster, overlay: { ...overlay([]), nodes: undefined } })).toMatchObject({
    rule: expect.stringMatching(/^overlay\.nodes: /),
  });
  expect(ruleOf({ ...cluster, overlay: 7 })).toMatchObject({
    rule: expect.stringMatching(/^overlay: /),
  });
  for (const none of [null, [], 7, "x"]) expect(ruleOf(none)).toMatchObject({ ok: false });
});
