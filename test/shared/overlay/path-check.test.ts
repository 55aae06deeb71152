import fc from "fast-check";
import { expect, test } from "vitest";

import {
  choosePairs,
  ladder,
  mergedPaths,
  pathOrderSchema,
  pathReportSchema,
} from "../../../shared/overlay/path-check.ts";
import type { NodeReport, PathReport } from "../../../shared/overlay/path-check.ts";
import type { SummaryNode } from "../../../shared/overlay/summary.ts";
import { mergedEdges } from "../../../shared/visibility/merged-edges.ts";

const nodes = (name: string, count: number): SummaryNode[] =>
  Array.from({ length: count }, (_, i) => [`${name}${i}`, "192.0.2.1", "10.6.0.1", "", "", "", ""]);

test("[OVL10] pairs are of nodes with tunnels, spread over both clusters, others with each turn", () => {
  expect(choosePairs(nodes("a", 2), nodes("b", 2), 3, 0)).toEqual([
    ["a0", "b0"],
    ["a1", "b1"],
  ]);
  expect(choosePairs(nodes("a", 1), nodes("b", 3), 3, 1).map(([, b]) => b)).toEqual([
    "b1",
    "b2",
    "b0",
  ]);
  expect(choosePairs(nodes("a", 100), nodes("b", 100), 2, 7)).toEqual([
    ["a7", "b7"],
    ["a57", "b57"],
  ]);
  const bare: SummaryNode = ["a9", "192.0.2.9", "", "", "", "", ""];
  expect(choosePairs([bare], nodes("b", 2), 3, 0)).toEqual([]);
  expect(choosePairs([bare, ...nodes("a", 1)], nodes("b", 1), 8, 5)).toEqual([["a0", "b0"]]);
});

test("[OVL10] whatever the clusters are, pairs are at most eight, of their own nodes, and none twice", () => {
  const sizes = fc.integer({ min: 1, max: 40 });
  fc.assert(
    fc.property(sizes, sizes, fc.integer({ min: 1, max: 8 }), fc.nat(), (a, b, count, turn) => {
      const pairs = choosePairs(nodes("a", a), nodes("b", b), count, turn);
      expect(pairs.length).toBe(Math.min(count, Math.max(a, b)));
      expect(new Set(pairs.map((pair) => pair.join(" "))).size).toBe(pairs.length);
      for (const [own, remote] of pairs) expect(own + remote).toMatch(/^a\d+b\d+$/);
      const order = { id: 1, phase: "listen", pairs };
      expect(pathOrderSchema.parse(order)).toEqual(order);
    }),
  );
});

test("[OVL12] sizes rise to the tunnel's MTU, which is the last", () => {
  expect(ladder(1_450)).toEqual([1_280, 1_330, 1_350, 1_380, 1_400, 1_430, 1_450]);
  expect(ladder(1_000)).toEqual([1_000]);
  expect(ladder(65_535).at(-1)).toBe(65_535);
});

const said = (node: string, more: Partial<NodeReport> = {}): NodeReport => ({
  node,
  phase: "listen",
  problem: "",
  flows: [],
  ...more,
});

test("[OVL10] relays of one cluster say what their nodes heard, and all of it is told as one", () => {
  const report = (id: number, ...all: NodeReport[]): PathReport => ({ id, nodes: all });
  expect(mergedPaths(undefined, undefined)).toBe(undefined);
  expect(mergedPaths(report(2, said("a1")), report(2, said("a2")))?.nodes).toHaveLength(2);
  // Of an older check nothing counts.
  expect(mergedPaths(report(1, said("a1")), report(2, said("a2")))?.nodes).toEqual([said("a2")]);
  // Two relays on one node: the one that got further.
  const further = said("a1", { phase: "end" });
  const broken = said("a1", { problem: "cannot listen" });
  for (const other of [said("a1"), broken])
    for (const [one, two] of [
      [further, other],
      [other, further],
    ] as const)
      expect(mergedPaths(report(1, one), report(1, two))?.nodes).toEqual([further]);
  const edge = {
    rcc: "b",
    origin: { uid: "u", name: "b" },
    connectionStatus: 2 as const,
    endpoints: 0,
    refused: 0,
    digest: null,
    revision: 1,
  };
  const edges = [report(3, said("a1")), report(3, said("a2"))].map((path) => [{ ...edge, path }]);
  const merged = mergedEdges([...edges, [edge]])[0]?.path?.nodes ?? [];
  expect(merged.map(({ node }) => node).toSorted()).toEqual(["a1", "a2"]);
});

test("[OVL12] a report with more than a check can have is refused", () => {
  const flow = { pair: 8, family: 4, heard: {} };
  for (const bad of [
    { id: -1, nodes: [] },
    { id: 1, nodes: [said("a1", { phase: "later" as never })] },
    { id: 1, nodes: [{ ...said("a1"), flows: [flow] }] },
    { id: 1, nodes: Array.from({ length: 17 }, () => said("a1")) },
  ])
    expect(pathReportSchema.safeParse(bad).success).toBe(false);
});
