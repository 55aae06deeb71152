/** Latency and relays of an edge, as status tells them. */
import { expect, test } from "vitest";

import { edgeRelaysOf, mergedEdges } from "../../shared/visibility/merged-edges.ts";
import type { EdgeReport } from "../../shared/visibility/facts.ts";
import { showLatency, showRelays } from "../../worker/routes/latency.ts";

const MINUTE_MS = 60_000;

function report(rcc: string, revision: number, connectionStatus: 2 | 3 = 2): EdgeReport {
  return {
    rcc,
    origin: { uid: "1", name: rcc },
    connectionStatus,
    endpoints: 1,
    refused: 0,
    digest: null,
    revision,
  };
}

test("[API56] of each edge its relays are counted, and those that lag are named, ten at most", () => {
  const relays = [
    { software: "n1", edges: [report("db", 9), report("web", 4)] },
    { software: "n2", edges: [report("db", 7)] },
    { software: "n3", edges: [report("db", 9, 3)] },
  ];
  expect(edgeRelaysOf(relays)).toEqual([
    { rcc: "db", count: 3, lowestRevision: 7, lagging: 2, names: ["n2", "n3"] },
    { rcc: "web", count: 1, lowestRevision: 4, lagging: 0, names: [] },
  ]);
  const crowd = Array.from({ length: 5_000 }, (_, n) => ({
    software: `n${n}`,
    edges: [report("db", n === 0 ? 2 : 1)],
  }));
  expect(edgeRelaysOf(crowd)[0]).toMatchObject({ count: 5_000, lagging: 4_999 });
  expect(edgeRelaysOf(crowd)[0]?.names).toHaveLength(10);
  expect(edgeRelaysOf([])).toEqual([]);
  expect(showRelays(undefined)).toMatchObject({ count: 0, lowestRevision: null });
});

test("[API55] a window that is over is told empty, and the error is of both clocks", () => {
  const atMs = 1_000 * MINUTE_MS;
  const latency = {
    atMs,
    errorMs: 4,
    windows: [
      [3, 10, 20],
      [9, 11, 30],
      [90, 12, 40],
    ],
  } as const;
  const told = (ageMs: number) => showLatency(latency, 8, atMs + ageMs);
  expect(told(0)).toEqual({
    at: new Date(atMs).toISOString(),
    errorMs: 12,
    windows: [
      { minutes: 1, count: 3, p50Ms: 10, p99Ms: 20 },
      { minutes: 5, count: 9, p50Ms: 11, p99Ms: 30 },
      { minutes: 60, count: 90, p50Ms: 12, p99Ms: 40 },
    ],
  });
  const counts = (ageMs: number) => told(ageMs)?.windows.map(({ count }) => count);
  expect(counts(59_999)).toEqual([3, 9, 90]);
  expect(counts(MINUTE_MS)).toEqual([0, 9, 90]);
  expect(counts(5 * MINUTE_MS)).toEqual([0, 0, 90]);
  expect(counts(60 * MINUTE_MS)).toEqual([0, 0, 0]);
  expect(showLatency(latency, null, atMs)?.errorMs).toBeNull();
  expect(showLatency(undefined, 1, atMs)).toBeNull();
});

test("[EVT15] of relays of which one is late, that is told, whichever is behind", () => {
  const lag = { atMs: 9, ms: 12_000 };
  const [ahead, behind] = [report("db", 9), report("db", 7)];
  for (const reports of [
    [[{ ...ahead, lag }], [behind]],
    [[ahead], [{ ...behind, lag }]],
    [[{ ...ahead, lag: { atMs: 3, ms: 20_000 } }], [{ ...behind, lag }]],
  ])
    expect(mergedEdges(reports)).toEqual([{ ...behind, lag }]);
  expect(mergedEdges([[ahead], [behind]])).toEqual([behind]);
});
