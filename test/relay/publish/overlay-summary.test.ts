import { expect, test } from "vitest";

import { overlaySummary } from "../../../relay/publish/overlay-summary.ts";
import { SUMMARY_LIMITS, summarySchema } from "../../../shared/overlay/summary.ts";
import { tunnelNode } from "../../support/overlay.ts";
import { node, pool } from "../../support/records.ts";

test("[OVL1] a cluster with 100,000 nodes says how many, and none of them: its report stays small", () => {
  const nodes = Array.from({ length: 100_000 }, (_, n) =>
    node(`node-${n}`, { ipv4Address: `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}/8` }),
  );
  const summary = overlaySummary([pool("10.66.0.0/16"), ...nodes], [], []);
  expect([summary.nodes, summary.nodeCount]).toEqual([[], 100_000]);
  expect(JSON.stringify(summary).length).toBeLessThan(1_000);
});

test("[OVL1] so does one whose nodes have long names: all are said, or none", () => {
  const named = (count: number) =>
    overlaySummary(
      Array.from({ length: count }, (_, n) => tunnelNode(66, `${n}`.padStart(253, "n"), 1)),
      [],
      [],
    );
  expect(named(500).nodes).toHaveLength(500);
  expect(named(SUMMARY_LIMITS.nodes)).toMatchObject({ nodes: [], nodeCount: SUMMARY_LIMITS.nodes });
});

test("[OVL1] addresses that a node has besides the one that it is reached by are said, as its own", () => {
  const internalIPs = ["192.0.66.1", "172.16.0.1"];
  const summary = overlaySummary([tunnelNode(66, "b1", 1, { internalIPs })], [], []);
  expect(summary.addresses).toEqual([["b1", "172.16.0.1"]]);
  const { addresses: _, ...before } = summary;
  expect(summarySchema.parse(before).addresses).toEqual([]);
});

test("[OVL1] what a cluster says passes the hub's door, at its bounds too", () => {
  const pools = Array.from({ length: 300 }, (_, n) => pool(`10.${n >> 8}.${n & 255}.0/24`));
  const own = { ...pool("10.99.0.0/16"), disabled: true };
  const summary = overlaySummary([tunnelNode(66, "b1", 1), ...pools], [own], ["10.96.0.0/12"]);
  expect(summary.pools).toHaveLength(SUMMARY_LIMITS.pools);
  expect(summary.handMade).toEqual(["10.99.0.0/16"]);
  expect(summarySchema.safeParse(summary).success).toBe(true);
});
