import { expect, test } from "vitest";

import type { OwnState } from "../../../shared/api/own.ts";
import { planWrites, writeId } from "../../../relay/resources/plan.ts";
import type { Definition, Plan, Refused } from "../../../relay/resources/plan.ts";
import type { Resource } from "../../../relay/resources/resource.ts";
import { grantAt, NO_OBJECTS, rccAt, resourceOf } from "./resources.ts";

const SERVED: Definition = { kind: "served", uid: "crd-1" };

interface Given {
  readonly rccs?: readonly Resource[] | null;
  readonly grants?: readonly Resource[] | null;
  readonly hub?: Partial<OwnState>;
  readonly definition?: Definition;
  readonly refused?: ReadonlyMap<string, Refused>;
}

function plan({ rccs = [], grants = [], hub, definition = SERVED, refused }: Given): Plan {
  return planWrites({
    seen: { rcc: { definition, resources: rccs }, grant: { definition, resources: grants } },
    hub: { ...NO_OBJECTS, ...hub },
    refused: refused ?? new Map(),
  });
}

const writesOf = (planned: Plan) => planned.writes.map((one) => `${one.op} ${writeId(one)}`);
const verdictsOf = (planned: Plan) =>
  Object.fromEntries([...planned.verdicts].map(([id, { kind }]) => [id, kind]));

test("[CRD6] what the hub lacks, or has otherwise, is written; what it has is not; what is not wanted any more goes first", () => {
  const planned = plan({
    rccs: [
      resourceOf("rcc", "new"),
      resourceOf("rcc", "same", { syncOptions: { overlayRoutingMode: "Disabled" } }),
      resourceOf("rcc", "other", { syncOptions: { overlayRoutingMode: "Enabled" } }),
    ],
    grants: [
      resourceOf("grant", "narrow", { cluster: "narrow", scope: { labels: ["b", "a"] } }),
      resourceOf("grant", "wide"),
    ],
    hub: {
      rccs: [
        rccAt("same", "crd-1", { spec: { syncOptions: { overlayRoutingMode: "Disabled" } } }),
        rccAt("other", "crd-1"),
        rccAt("old", "crd-1"),
      ],
      grants: [grantAt("narrow", "crd-1", { labels: ["a", "b"] }), grantAt("gone", "crd-1")],
    },
  });
  expect(writesOf(planned)).toEqual([
    "delete-rcc rcc/old",
    "delete-grant grant/gone",
    "apply-rcc rcc/new",
    "apply-rcc rcc/other",
    "apply-grant grant/wide",
  ]);
  expect(verdictsOf(planned)).toEqual({
    "rcc/new": "pending",
    "rcc/same": "held",
    "rcc/other": "pending",
    "grant/narrow": "held",
    "grant/wide": "pending",
  });
});

test("[CRD6] of two grants about one cluster the older counts; one that is on its way out counts no more", () => {
  const late = resourceOf("grant", "b", { cluster: "app" });
  const early = resourceOf(
    "grant",
    "z",
    { cluster: "app", scope: { kinds: ["Node"] } },
    { creationTimestamp: "2026-01-01T00:00:00Z" },
  );
  const both = plan({ grants: [late, early] });
  expect(both.writes).toMatchObject([{ op: "apply-grant", scope: { kinds: ["Node"] } }]);
  expect(verdictsOf(both)).toEqual({ "grant/b": "conflict", "grant/z": "pending" });
  const leaving = { ...early, isBeingDeleted: true };
  expect(plan({ grants: [late, leaving] }).writes).toMatchObject([{ op: "apply-grant" }]);
});

test("[CRD6] one that cannot be read is refused by field and rule, and costs nothing that the hub has of it", () => {
  const planned = plan({
    rccs: [resourceOf("rcc", "db", { kubeconfig: "/x" })],
    grants: [resourceOf("grant", "x", { cluster: "app", scope: { selector: "a == " } })],
    hub: { rccs: [rccAt("db", "crd-1")], grants: [grantAt("app", "crd-1")] },
  });
  expect(planned.writes).toEqual([]);
  const [rcc, grant] = [planned.verdicts.get("rcc/db"), planned.verdicts.get("grant/x")];
  expect(rcc).toMatchObject({ kind: "refused", reason: "Invalid" });
  expect(JSON.stringify(rcc)).toContain("spec.kubeconfig: is allowed only with datastoreType");
  expect(JSON.stringify(grant)).toContain("spec.scope.selector: ");
});

test("[CRD5] what the API made is not written over, and not deleted; the resource is in conflict", () => {
  const planned = plan({
    rccs: [resourceOf("rcc", "db")],
    grants: [resourceOf("grant", "app", { cluster: "app", scope: { kinds: ["Node"] } })],
    hub: { rccs: [rccAt("db", null), rccAt("other", null)], grants: [grantAt("app", null)] },
  });
  expect(planned).toMatchObject({ writes: [], left: [] });
  expect(verdictsOf(planned)).toEqual({ "rcc/db": "conflict", "grant/app": "conflict" });
});

test("[CRD7] objects that vanish with their CRD stay, whether it is on its way out, gone, or another one by now", () => {
  const hub = { rccs: [rccAt("db", "crd-1")], grants: [grantAt("app", "crd-1")] };
  const left = ["rcc/db", "grant/app"];
  for (const definition of [{ kind: "leaving" }, { kind: "absent" }] as const)
    expect(plan({ hub, definition })).toMatchObject({ writes: [], left });
  expect(plan({ hub, definition: { kind: "unknown" } })).toMatchObject({ writes: [], left: [] });
  expect(plan({ hub, rccs: null, grants: null })).toMatchObject({ writes: [], left: [] });
  const anew: Definition = { kind: "served", uid: "crd-2" };
  expect(plan({ hub, definition: anew })).toMatchObject({ writes: [], left });
  // Made again, each is taken up by the new one, and a deletion counts from then on.
  const again = plan({ hub, definition: anew, rccs: [resourceOf("rcc", "db")] });
  expect(again.writes).toMatchObject([{ op: "apply-rcc", under: "crd-2" }]);
  const taken = { rccs: [rccAt("db", "crd-2")] };
  expect(writesOf(plan({ hub: taken, definition: anew }))).toEqual(["delete-rcc rcc/db"]);
  expect(plan({ hub }).writes).toHaveLength(2);
});

test("[CRD6] what the hub refused is not written again until it is another: 409 is a conflict, the rest has the hub's reason", () => {
  const rccs = [resourceOf("rcc", "db")];
  const [write] = plan({ rccs }).writes;
  const refusedBy = (status: number, code: string) =>
    new Map([["rcc/db", { write: JSON.stringify(write), status, code, detail: "why" }]]);
  const unknown = plan({ rccs, refused: refusedBy(422, "unknown-remote") });
  expect(unknown.writes).toEqual([]);
  expect([...unknown.verdicts.values()]).toEqual([
    { kind: "refused", reason: "UnknownRemote", message: "why" },
  ]);
  const taken = plan({ rccs, refused: refusedBy(409, "remote-taken") });
  expect(verdictsOf(taken)).toEqual({ "rcc/db": "conflict" });
  const changed = [
    resourceOf("rcc", "db", {}, { annotations: { "catwalk.dev/remote-cluster": "far" } }),
  ];
  expect(plan({ rccs: changed, refused: refusedBy(409, "remote-taken") }).writes).toHaveLength(1);
});

test("[CRD6] what is written is of the resource alone: annotations of other programs stay in the cluster", () => {
  const rcc = resourceOf(
    "rcc",
    "far",
    {},
    {
      annotations: {
        "catwalk.dev/remote-cluster": "db",
        "kubectl.kubernetes.io/last-applied-configuration": "{}",
        "argocd.argoproj.io/tracking-id": "x",
      },
    },
  );
  expect(plan({ rccs: [rcc] }).writes).toEqual([
    {
      op: "apply-rcc",
      under: "crd-1",
      document: {
        apiVersion: "projectcalico.org/v3",
        kind: "RemoteClusterConfiguration",
        metadata: { name: "far", annotations: { "catwalk.dev/remote-cluster": "db" } },
        spec: {},
      },
    },
  ]);
});
