import { expect, test } from "vitest";

import { SERVICE_COLLECTIONS } from "../../../relay/source/convert/converters.ts";
import { RecordStore } from "../../../relay/source/record-store.ts";
import { withoutServices } from "../../../shared/visibility/facts-before.ts";
import type { AccessFacts, Remote } from "../../../shared/visibility/facts.ts";

const [SERVICES, SLICES] = SERVICE_COLLECTIONS;
if (SERVICES === undefined || SLICES === undefined) throw new Error("two collections");

function storeOf() {
  const problems: string[] = [];
  const store = new RecordStore({
    problem: ({ object, message }) => problems.push(`${object}: ${message}`),
    solved: () => undefined,
  });
  const put = (name: string, endpoints: readonly unknown[], more: object = {}) =>
    store
      .upsert(SLICES as NonNullable<typeof SLICES>, {
        apiVersion: "discovery.k8s.io/v1",
        kind: "EndpointSlice",
        metadata: { name, namespace: "shop", labels: { "kubernetes.io/service-name": "db" } },
        addressType: "IPv4",
        ports: [{ name: "sql", port: 5432, protocol: "TCP" }],
        endpoints,
        ...more,
      })
      .changes.map((change) =>
        change.op === "put" ? `+${change.key.split("/").slice(3).join("/")}` : `-${change.key}`,
      );
  return { problems, put, store };
}

test("[SVC4] a record an address, however it is cut into slices: one that moves between slices is no change", () => {
  const { put, problems } = storeOf();
  const [one, two] = [{ addresses: ["10.2.0.1"] }, { addresses: ["10.2.0.2"] }];
  expect(put("db-1", [one, two])).toEqual([
    "+endpoint/shop/db/10.2.0.1",
    "+endpoint/shop/db/10.2.0.2",
  ]);
  expect(put("db-2", [two])).toEqual([]);
  expect(put("db-1", [one])).toEqual([]);
  expect(put("db-1", [{ ...one, conditions: { ready: false } }])).toEqual([
    "+endpoint/shop/db/10.2.0.1",
  ]);
  expect(put("db-2", [])).toEqual(["-/catwalk/v1/endpoint/shop/db/10.2.0.2"]);
  expect(problems).toEqual([]);
});

test("[SVC4] the time of the newest slice is the Service's; FQDN, another family and slices of ours give nothing", () => {
  const { put, problems, store } = storeOf();
  const at = (time: string, labels = {}) => ({
    metadata: {
      name: "x",
      namespace: "shop",
      labels: { "kubernetes.io/service-name": "db", ...labels },
      annotations: { "endpoints.kubernetes.io/last-change-trigger-time": time },
    },
  });
  const of = (name: string, time: string) => ({
    ...at(time),
    metadata: { ...at(time).metadata, name },
  });
  expect(put("a", [], of("a", "2026-01-01T00:00:01.5Z"))).toEqual(["+change/shop/db"]);
  expect(put("b", [], of("b", "2026-01-01T00:00:00Z"))).toEqual([]);
  expect(put("b", [], of("b", "2026-01-01T00:00:02Z"))).toEqual(["+change/shop/db"]);
  expect(put("f", [{ addresses: ["db.example"] }], { addressType: "FQDN" })).toEqual([]);
  expect(put("v6", [{ addresses: ["fd00::1"] }])).toEqual([]);
  const ours = at("2027-01-01T00:00:00Z", {
    "endpointslice.kubernetes.io/managed-by": "services.catwalk.dev",
  });
  expect(put("o", [{ addresses: ["10.9.0.1"] }], ours)).toEqual([]);
  expect(problems.map((line) => line.split(":")[0])).toEqual([
    "EndpointSlice shop/f",
    "EndpointSlice shop/v6",
  ]);
  expect(store.remove("EndpointSlice shop/b", "observed")).toHaveLength(1);
});

test("[SVC4] an address that is there twice, in one slice or in two: the pod counts that can be used", () => {
  const { put, problems } = storeOf();
  const of = (ready: boolean, name: string) => ({
    addresses: ["10.2.0.1"],
    conditions: { ready, serving: ready, terminating: !ready },
    targetRef: { kind: "Pod", name },
  });
  expect(put("db-1", [of(false, "old"), of(true, "new")])).toEqual(["+endpoint/shop/db/10.2.0.1"]);
  // The one that is ready stays, whichever is told later.
  expect(put("db-1", [of(false, "old")])).toEqual(["+endpoint/shop/db/10.2.0.1"]);
  expect(put("db-2", [of(true, "new")])).toEqual(["+endpoint/shop/db/10.2.0.1"]);
  expect(put("db-1", [])).toEqual([]);
  expect(put("db-2", [])).toEqual(["-/catwalk/v1/endpoint/shop/db/10.2.0.1"]);
  expect(problems).toEqual([]);
});

test("[SVC4] a Service of type ExternalName is none, whatever slices carry its name, and one that becomes it goes", () => {
  const { put, store } = storeOf();
  const of = (spec: object) =>
    store
      .upsert(SERVICES as NonNullable<typeof SERVICES>, {
        apiVersion: "v1",
        kind: "Service",
        metadata: { name: "db", namespace: "shop", labels: { app: "db" } },
        spec: { ports: [{ name: "sql", port: 5432, protocol: "TCP" }], ...spec },
      })
      .changes.map(({ op }) => op);
  const elsewhere = { type: "ExternalName", externalName: "db.example" };
  expect(of(elsewhere)).toEqual([]);
  expect(of({ clusterIP: "10.96.0.7" })).toEqual(["put"]);
  // A slice by hand has endpoints; without the Service nobody selects them.
  expect(put("by-hand", [{ addresses: ["10.2.0.1"] }])).toEqual(["+endpoint/shop/db/10.2.0.1"]);
  expect(of(elsewhere)).toEqual(["delete"]);
});

test("[SVC2] a relay of a version before hears of no Services in scopes, and of a grant of nothing else as of none", () => {
  const remote = (kinds: readonly ("Service" | "Node")[]): Remote => ({
    rcc: "b",
    origin: { uid: "u", name: "b" },
    state: "granted",
    overlayRoutingMode: "Disabled",
    scope: { kinds },
  });
  const facts = (...remotes: Remote[]): AccessFacts => ({
    meshId: "m",
    meshName: "m",
    accessVersion: 1,
    cluster: { uid: "a", name: "a" },
    keyGeneration: 1,
    removed: false,
    remotes,
    ranges: { pods: [], nodes: [] },
    refusedClaims: [],
    asked: ["services"],
  });
  const told = withoutServices(facts(remote(["Node", "Service"]), remote(["Service"])));
  expect(told.asked).toBeUndefined();
  expect(told.remotes.map(({ state, scope }) => [state, scope])).toEqual([
    ["granted", { kinds: ["Node"] }],
    ["not-granted", undefined],
  ]);
});
