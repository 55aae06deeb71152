import { expect, test } from "vitest";

import { chooseMcsVersion } from "../../../relay/kube/mcs-group.ts";
import { collectionOf, SERVICE_COLLECTIONS } from "../../../relay/source/convert/converters.ts";
import { FollowedCollection } from "../../../relay/source/kubernetes/followed-collection.ts";
import { RecordStore } from "../../../relay/source/record-store.ts";
import { projectorOf } from "../../../shared/visibility/scope.ts";

const V = "multicluster.x-k8s.io";

function recordOf(json: object) {
  const problems: string[] = [];
  const store = new RecordStore({
    problem: ({ message }) => problems.push(message),
    solved: () => undefined,
  });
  const { apiVersion, kind } = json as { apiVersion: string; kind: string };
  const collection = collectionOf(apiVersion, kind);
  if (collection === undefined) throw new Error(`${kind} is not followed`);
  const [change] = store.upsert(collection, json).changes;
  return { record: change?.op === "put" ? change.record : null, problems };
}

const exportOf = (version: string, spec: object, metadata: object = {}) => ({
  apiVersion: `${V}/${version}`,
  kind: "ServiceExport",
  metadata: {
    name: "db",
    namespace: "shop",
    creationTimestamp: "2026-01-02T03:04:05Z",
    labels: { own: "x" },
    ...metadata,
  },
  spec,
});

test.each(["v1alpha1", "v1beta1"])(
  "[MCS1] a ServiceExport of %s: when it was made, and what it exports",
  (version) => {
    const long = "x".repeat(1_025);
    const { record, problems } = recordOf(
      exportOf(version, {
        exportedLabels: { tier: "db" },
        exportedAnnotations: { note: "n", long },
      }),
    );
    expect(record).toEqual({
      kind: "ServiceExport",
      namespace: "shop",
      name: "db",
      createdMs: Date.parse("2026-01-02T03:04:05Z"),
      labels: { tier: "db" },
      annotations: { note: "n" },
    });
    expect(problems).toEqual([
      'spec.exportedAnnotations["long"]: must have at most 1024 characters',
    ]);
    const going = { deletionTimestamp: "2026-01-02T03:04:06Z" };
    expect(recordOf(exportOf(version, {}, going)).record).toBeNull();
  },
);

test("[MCS1] only a grant that names Services shows exports, and labels only where it shows them", () => {
  const { record } = recordOf(exportOf("v1beta1", { exportedLabels: { tier: "db", more: "x" } }));
  if (record === null) throw new Error("no record");
  expect(projectorOf({ kinds: ["WorkloadEndpoint"] })(record)).toBeNull();
  expect(projectorOf({})(record)).toBeNull();
  expect(projectorOf({ kinds: ["Service"] })(record)).toEqual(record);
  expect(projectorOf({ kinds: ["Service"], namespaces: ["ops"] })(record)).toBeNull();
  expect(projectorOf({ kinds: ["Service"], labels: ["tier"] })(record)).toMatchObject({
    labels: { tier: "db" },
  });
});

test("[MCS1] the newest version that the cluster serves; none: asked for later", () => {
  const served = (...versions: string[]): string =>
    JSON.stringify({
      groups: [
        { name: "apps", versions: [{ groupVersion: "apps/v1" }] },
        { name: V, versions: versions.map((one) => ({ groupVersion: `${V}/${one}` })) },
      ],
    });
  expect(chooseMcsVersion(served("v1alpha1", "v1beta1"))).toBe(`${V}/v1beta1`);
  expect(chooseMcsVersion(served("v1alpha1"))).toBe(`${V}/v1alpha1`);
  expect(chooseMcsVersion(served())).toBe(`${V}/v1beta1`);
  expect(chooseMcsVersion("{}")).toBeNull();
  expect(chooseMcsVersion("half")).toBeNull();
});

test("[MCS1] a right that is lacking is waited for 10 s, and then the cluster exports nothing", () => {
  let nowMs = 1_000;
  const listed: string[] = [];
  const of = (kind: string): FollowedCollection => {
    const collection = SERVICE_COLLECTIONS.find((one) => one.kind === kind);
    if (collection === undefined) throw new Error(kind);
    return new FollowedCollection(collection, {
      store: new RecordStore({ problem: () => undefined, solved: () => undefined }),
      path: () => Promise.resolve(""),
      pathIsGone: () => undefined,
      forbidden: () => undefined,
      listed: (one) => listed.push(one.kind),
      emit: () => undefined,
      now: () => nowMs,
    });
  };
  const [exports, services] = [of("ServiceExport"), of("Service")];
  exports.forbidden();
  nowMs += 9_999;
  exports.forbidden();
  services.forbidden();
  expect(listed).toEqual([]);
  nowMs += 1;
  exports.forbidden();
  services.forbidden();
  expect(listed).toEqual(["ServiceExport"]);
});

test("[MCS3] a Service that was made for an import is no record, whatever it holds", () => {
  const service = (labels: object) => ({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "derived-abc", namespace: "shop", labels },
    spec: { ports: [{ port: 5432 }] },
  });
  expect(recordOf(service({ app: "db" })).record).toMatchObject({ kind: "Service" });
  const ours = { "app.kubernetes.io/managed-by": "services.catwalk.dev" };
  expect(recordOf(service(ours)).record).toBeNull();
});

test("[MCS4] what an import has of a Service: affinity, policy, distribution, families", () => {
  const { record } = recordOf({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "db", namespace: "shop" },
    spec: {
      ports: [{ port: 5432 }],
      sessionAffinity: "ClientIP",
      internalTrafficPolicy: "Local",
      trafficDistribution: "PreferClose",
      ipFamilies: ["IPv6", "IPv4"],
    },
  });
  expect(record).toMatchObject({
    affinitySeconds: 10_800,
    internalLocal: true,
    trafficDistribution: "PreferClose",
    families: "64",
  });
});
