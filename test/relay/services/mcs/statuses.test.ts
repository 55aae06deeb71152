import { expect, test } from "vitest";

import {
  clustersOf,
  exportConditions,
  isSameStatus,
  withConditions,
  withImportStatus,
} from "../../../../relay/services/mcs/statuses.ts";

const CONFLICT = { reason: "PortConflict", message: "ports: b has a, the oldest export; c has b" };

test("[MCS8] an export says whether it is valid, exported, and in conflict", () => {
  const of = (...args: Parameters<typeof exportConditions>): string =>
    exportConditions(...args)
      .map(({ type, status, reason }) => `${type}=${status}/${reason}`)
      .join(" ");
  expect(of(null, true, [])).toBe(
    "Valid=True/Valid Ready=True/Exported Conflict=False/NoConflicts",
  );
  expect(of(null, false, [])).toMatch("Ready=False/Pending");
  expect(of(null, true, [CONFLICT, { ...CONFLICT, reason: "TypeConflict" }])).toMatch(
    "Conflict=True/PortConflict,TypeConflict",
  );
  expect(of("NoService", true, [])).toBe("Valid=False/NoService Ready=False/Pending");
  expect(of("InvalidServiceType", true, [])).toMatch("Valid=False/InvalidServiceType");
  expect(of("FederatedService", true, [])).toMatch("Valid=False/FederatedService");
});

test("[MCS8] others' conditions stay; a condition's time changes with its status alone", () => {
  const other = { type: "Theirs", status: "True", reason: "X", lastTransitionTime: "then" };
  const object = { metadata: { generation: 3 }, status: { conditions: [other] } };
  const first = withConditions(object, exportConditions(null, true, []), 1_000);
  expect(first["status"]).toMatchObject({
    conditions: [other, { type: "Valid", observedGeneration: 3 }, {}, {}],
  });
  const again = withConditions(first, exportConditions(null, true, []), 9_000);
  expect(isSameStatus(first, again)).toBe(true);
  // Not all clusters have told: what was said of a conflict stays, but of what is not valid.
  const conflicting = withConditions(first, exportConditions(null, true, [CONFLICT]), 2_000);
  const typesOf = (one: typeof first): string[] =>
    (one["status"] as { conditions: { type: string; status: string }[] }).conditions
      .map(({ type, status }) => `${type}=${status}`)
      .toSorted();
  const half = withConditions(conflicting, exportConditions(null, false, null), 3_000);
  expect(typesOf(half)).toEqual(["Conflict=True", "Ready=False", "Theirs=True", "Valid=True"]);
  const gone = withConditions(conflicting, exportConditions("NoService", true, null), 3_000);
  expect(typesOf(gone)).toEqual(["Ready=False", "Theirs=True", "Valid=False"]);
  const changed = withConditions(first, exportConditions(null, true, [CONFLICT]), 9_000);
  const times = (changed["status"] as { conditions: { lastTransitionTime: string }[] }).conditions;
  expect(times.map((one) => one.lastTransitionTime)).toEqual([
    "then",
    "1970-01-01T00:00:01Z",
    "1970-01-01T00:00:01Z",
    "1970-01-01T00:00:09Z",
  ]);
});

test("[MCS9] an import names the clusters that export it, and whether there are slices", () => {
  const standing = { hasEndpoints: true, lacksFamily: false };
  const object = withImportStatus({ metadata: {} }, { clusters: ["a", "b"] }, standing, 0);
  expect(object["status"]).toMatchObject({
    clusters: [{ cluster: "a" }, { cluster: "b" }],
    endpointSliceObjects: "Present",
    conditions: [{ type: "Ready", status: "True" }],
  });
  expect(clustersOf(object)).toEqual(["a", "b"]);
  expect(clustersOf({ status: { clusters: [{}, 7, { cluster: "x" }] } })).toEqual(["x"]);
});
