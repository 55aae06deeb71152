/** What status says of an edge, by what the Origins of both sides report. */
import { expect, test } from "vitest";

import type { ClusterReport, EdgeReport } from "../../shared/visibility/facts.ts";
import type { OriginStatus } from "../../shared/visibility/origin-status.ts";
import { edgeState } from "../../worker/routes/edge-state.ts";

const db = { uid: "b", name: "db" };
const report: EdgeReport = {
  rcc: "db",
  origin: db,
  connectionStatus: 2,
  endpoints: 5,
  refused: 0,
  digest: "d",
  revision: 7,
};
const origin: OriginStatus = {
  cluster: db,
  publisher: "connected",
  takenOver: null,
  lastSeenMs: 10_000,
  channels: [],
  quarantined: 0,
  quarantinedEndpoints: 0,
  partlyAdmitted: 0,
  report: null,
  scopes: [],
  edges: [],
  relays: 1,
  edgeRelays: [],
};
const source = (state: ClusterReport["source"]["state"], reason: string): OriginStatus => ({
  ...origin,
  report: { pools: [], poolCount: 0, withheldPools: [], source: { state, reason, sinceMs: 1 } },
});
const stateOf = (of: OriginStatus | null, edge: Partial<EdgeReport> = {}) => {
  const { connection, connectionStatus, reasons } = edgeState(
    true,
    { ...report, ...edge },
    of,
    40_000,
  );
  return [connection, connectionStatus, ...reasons.map(({ code }) => code)];
};

test.each([
  ["all is well", origin, {}, ["InSync", 2]],
  ["its relay says that it follows", source("following", ""), {}, ["InSync", 2]],
  [
    "its relay is away",
    { ...origin, publisher: "absent" as const },
    {},
    ["ReSyncInProgress", 3, "OriginAway"],
  ],
  ["its Origin does not answer", null, {}, ["ReSyncInProgress", 3, "OriginUnknown"]],
  [
    "its relay may not list pods",
    source("failing", "pods: 403"),
    {},
    ["ReSyncInProgress", 3, "SourceFailing"],
  ],
  [
    "its relay has nothing to read",
    source("absent", "no folder"),
    {},
    ["ReSyncInProgress", 3, "SourceAbsent"],
  ],
  [
    "its relay has not listed yet",
    source("listing", "pods"),
    {},
    ["ReSyncInProgress", 3, "SourceListing"],
  ],
  ["a stray endpoint is in quarantine", { ...origin, quarantinedEndpoints: 4 }, {}, ["InSync", 2]],
  [
    "most of it is in quarantine",
    { ...origin, quarantinedEndpoints: 51 },
    {},
    ["ReSyncInProgress", 3, "Quarantined"],
  ],
  [
    "all of it is in quarantine",
    { ...origin, quarantinedEndpoints: 1 },
    { endpoints: 0 },
    ["ReSyncInProgress", 3, "Quarantined"],
  ],
  ["the reader refuses a little", origin, { refused: 2 }, ["InSync", 2]],
  ["the reader refuses most of it", origin, { refused: 51 }, ["ReSyncInProgress", 3, "Refused"]],
  [
    "the reader takes no more of it",
    origin,
    { overLimit: "it has at least 3 records; --remote-max-records is 2" },
    ["ReSyncInProgress", 3, "OverReaderLimit"],
  ],
  [
    "two things are wrong",
    { ...origin, publisher: "absent" as const, quarantinedEndpoints: 9 },
    {},
    ["ReSyncInProgress", 3, "OriginAway", "Quarantined"],
  ],
  ["an empty cluster is in sync with nothing", origin, { endpoints: 0 }, ["InSync", 2]],
])("[API9] %s", (_, of, edge, expected) => {
  expect(stateOf(of, edge)).toEqual(expected);
});

test("[API9] [API34] what the view itself is not, it stays, with the reasons", () => {
  expect(stateOf({ ...origin, publisher: "absent" }, { connectionStatus: 1 })).toEqual([
    "Connecting",
    1,
    "OriginAway",
  ]);
  expect(edgeState(true, null, origin, 0)).toEqual({
    connection: "Unknown",
    connectionStatus: null,
    reasons: [],
  });
  expect(edgeState(false, report, origin, 0).connection).toBe("NotGranted");
});

test("[API9] a reason says who, what, and since when", () => {
  const messages = (of: OriginStatus) =>
    edgeState(true, report, of, 40_000).reasons.map(({ message }) => message);
  expect(messages({ ...origin, publisher: "absent" })[0]).toContain(
    "no relay of db has been connected for 30 s",
  );
  expect(messages(source("failing", "pods: 403 Forbidden"))[0]).toBe(
    "the relay of db cannot follow its cluster: pods: 403 Forbidden",
  );
});
