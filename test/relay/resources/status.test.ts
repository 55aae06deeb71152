import { expect, test } from "vitest";

import type { EdgeReport } from "../../../shared/visibility/facts.ts";
import { statusOf, withStatus } from "../../../relay/resources/status.ts";
import type { DirectReport } from "../../../relay/direct/direct-report.ts";
import type { Standing } from "../../../relay/resources/status.ts";
import { readResource } from "../../../relay/resources/resource.ts";
import type { Resource } from "../../../relay/resources/resource.ts";
import { grantAt, NO_OBJECTS, rccAt, resourceOf } from "./resources.ts";

const HELD: Standing = {
  verdict: { kind: "held" },
  hub: { ...NO_OBJECTS, rccs: [rccAt("db", "crd-1")], grants: [grantAt("app", "crd-1")] },
  hubProblem: null,
  report: null,
  direct: null,
};

function report(connectionStatus: EdgeReport["connectionStatus"], endpoints: number): EdgeReport {
  const origin = { uid: "d", name: "db" };
  return { rcc: "db", origin, connectionStatus, endpoints, refused: 0, digest: null, revision: 1 };
}

function vetoed(rcc: ReturnType<typeof rccAt>): ReturnType<typeof rccAt> {
  return { ...rcc, status: { ...rcc.status, vetoed: true } };
}

/** As a relay tells of a direct remote. */
const READ: DirectReport = {
  rcc: "db",
  where: "RemoteClusterConfiguration db",
  datastore: "kubernetes",
  conditions: [
    { type: "Configured", status: "True", reason: "Valid", message: "", since: "T" },
    { type: "Connected", status: "False", reason: "Refused", message: "401", since: "T" },
  ],
  ranges: { pods: [], nodes: [] },
  refusedClaims: [],
  notAdmitted: 0,
  held: 0,
  source: null,
};

const DIRECT = { clusterAccessSecret: { name: "s", namespace: "n" } };

test.each<[string, Resource, Partial<Standing>, string, string]>([
  ["in sync", resourceOf("rcc", "db"), { report: report(2, 7) }, "InSync", "Accepted True"],
  ["connecting", resourceOf("rcc", "db"), { report: report(1, 0) }, "Connecting", "Accepted True"],
  [
    "not granted",
    resourceOf("rcc", "db"),
    { hub: { ...NO_OBJECTS, rccs: [rccAt("db", "crd-1", { state: "not-granted" })] } },
    "NotGranted",
    "Accepted True",
  ],
  [
    "kept back by the remote's owner",
    resourceOf("rcc", "db"),
    { hub: { ...NO_OBJECTS, rccs: [vetoed(rccAt("db", "crd-1", { state: "not-granted" }))] } },
    "Vetoed",
    "Accepted True",
  ],
  [
    "a grant that this cluster's owner keeps back",
    resourceOf("grant", "app"),
    { hub: { ...NO_OBJECTS, grants: [{ ...grantAt("app", "crd-1"), vetoed: true }] } },
    "Vetoed",
    "Accepted True",
  ],
  ["direct, not read yet", resourceOf("rcc", "db", DIRECT), {}, "Pending", "Accepted Unknown"],
  [
    "direct",
    resourceOf("rcc", "db", DIRECT),
    { direct: READ, report: report(2, 7) },
    "InSync",
    "Accepted True",
  ],
  [
    "direct, and cut off",
    resourceOf("rcc", "db", DIRECT),
    { direct: READ, report: report(0, 7) },
    "NotConnecting",
    "Accepted True",
  ],
  [
    "conflict",
    resourceOf("rcc", "db"),
    { verdict: { kind: "conflict", message: "m" } },
    "Conflict",
    "Accepted False",
  ],
  [
    "refused",
    resourceOf("rcc", "db"),
    { verdict: { kind: "refused", reason: "UnknownRemote", message: "m" } },
    "UnknownRemote",
    "Accepted False",
  ],
  [
    "on its way",
    resourceOf("rcc", "db"),
    { verdict: { kind: "pending" } },
    "Pending",
    "Accepted Unknown",
  ],
  [
    "the hub away",
    resourceOf("rcc", "db"),
    { verdict: null, hub: null, hubProblem: "the hub is not reachable" },
    "Pending",
    "Accepted Unknown",
  ],
  ["a used grant", resourceOf("grant", "app"), {}, "Used", "Accepted True"],
  ["a grant that nobody uses", resourceOf("grant", "x"), {}, "NotUsed", "Accepted True"],
])(
  "[CRD8] the state and the conditions of a resource: %s",
  (_, resource, standing, state, accepted) => {
    const status = statusOf(resource, { ...HELD, ...standing });
    const [first] = status?.conditions ?? [];
    expect([status?.state, `${first?.type} ${first?.status}`]).toEqual([state, accepted]);
  },
);

test("[CRD8] a direct RCC has the conditions of who reads it, and waits for no grant", () => {
  const resource = resourceOf("rcc", "db", DIRECT);
  const status = statusOf(resource, { ...HELD, direct: READ, report: report(2, 7) });
  expect(status?.endpoints).toBe(7);
  expect(status?.conditions).toEqual([
    expect.objectContaining({ type: "Accepted", status: "True" }),
    { type: "Configured", status: "True", reason: "Valid", message: "" },
    { type: "Connected", status: "False", reason: "Refused", message: "401" },
    expect.objectContaining({ type: "InSync", status: "True" }),
  ]);
});

test("[CRD8] the columns: remote, endpoints, overlay, of a grant its scope", () => {
  const far = resourceOf(
    "rcc",
    "db",
    { syncOptions: { overlayRoutingMode: "Enabled" } },
    { annotations: { "catwalk.dev/remote-cluster": "faraway" } },
  );
  const overlay = { step: 1, vteps: 2, routes: 3, withheld: 0 };
  const shown = statusOf(far, { ...HELD, report: { ...report(2, 7), overlay } });
  expect(shown).toMatchObject({ remote: "faraway", endpoints: 7, overlay: "Routed" });
  const narrow = resourceOf("grant", "app", { cluster: "app", scope: { namespaces: ["shop"] } });
  expect(statusOf(narrow, HELD)).toMatchObject({ scope: "namespaces shop" });
});

test("[CRD8] what was accepted stays so while the hub is away; a newer generation waits", () => {
  const first = resourceOf("rcc", "db");
  const wanted = statusOf(first, HELD);
  const written = wanted && withStatus(first, wanted, "2026-11-30T00:00:00Z");
  const away: Standing = { ...HELD, verdict: { kind: "pending" }, hubProblem: "away" };
  const known = readResource("rcc", written?.object ?? {}) as Resource;
  expect(statusOf(known, away)).toBeNull();
  expect(statusOf({ ...known, generation: 2 }, away)?.conditions[0]).toMatchObject({
    status: "Unknown",
    reason: "HubUnreachable",
    message: "away; tried again by itself",
  });
});

test("[CRD8] a status that says the same is not written; a condition keeps its time until its status is another; a count alone is told apart", () => {
  const resource = resourceOf("rcc", "db");
  const at = (of: Resource, standing: Standing, time: string) => {
    const wanted = statusOf(of, standing);
    return wanted && withStatus(of, wanted, time);
  };
  const connecting = { ...HELD, report: report(1, 0) };
  const one = at(resource, connecting, "T1");
  const first = readResource("rcc", one?.object ?? {}) as Resource;
  expect(at(first, connecting, "T2")).toBeNull();
  const two = at(first, { ...HELD, report: report(2, 5) }, "T2");
  expect(two?.isOnlyCount).toBe(false);
  expect(two?.object["status"]).toMatchObject({
    conditions: [
      { type: "Accepted", lastTransitionTime: "T1" },
      { type: "Granted", lastTransitionTime: "T1" },
      { type: "InSync", status: "True", lastTransitionTime: "T2" },
    ],
  });
  const second = readResource("rcc", two?.object ?? {}) as Resource;
  expect(at(second, { ...HELD, report: report(2, 6) }, "T3")?.isOnlyCount).toBe(true);
});
