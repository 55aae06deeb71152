import { expect, test } from "vitest";

import { parseRcc } from "../../../shared/visibility/rcc.ts";
import type { ParsedRcc } from "../../../shared/visibility/rcc.ts";

const rcc = (spec?: unknown, metadata: object = {}): unknown => ({
  apiVersion: "projectcalico.org/v3",
  kind: "RemoteClusterConfiguration",
  metadata: { name: "db", ...metadata },
  ...(spec === undefined ? {} : { spec }),
});

function problemsOf(parsed: ParsedRcc): readonly string[] {
  return parsed.ok ? [] : parsed.problems.map(({ field }) => field);
}

test("[VIS22] without connection fields an RCC names a member: its own name, or the annotation's", () => {
  expect(parseRcc(rcc())).toMatchObject({
    ok: true,
    rcc: { name: "db", remoteName: "db", overlayRoutingMode: "Disabled" },
  });
  const annotated = rcc(
    { syncOptions: { overlayRoutingMode: "Enabled" } },
    { annotations: { "catwalk.dev/remote-cluster": "database" } },
  );
  expect(parseRcc(annotated)).toMatchObject({
    ok: true,
    rcc: { remoteName: "database", overlayRoutingMode: "Enabled" },
  });
});

test("[VIS22] an object as kubectl prints it can be applied", () => {
  const exported = {
    ...(rcc(
      { syncOptions: {} },
      { uid: "1", resourceVersion: "2", creationTimestamp: null },
    ) as object),
    status: { any: 1 },
  };
  expect(parseRcc(exported)).toMatchObject({ ok: true });
});

test("[VIS22] wrong types, missing and unknown fields are named", () => {
  for (const [value, field] of [
    [null, "body"],
    [{ ...(rcc() as object), extra: 1 }, "extra"],
    [rcc({ hostname: "x" }), "spec.hostname"],
    [rcc({ syncOptions: { mode: "Enabled" } }), "spec.syncOptions.mode"],
    [rcc({ syncOptions: { overlayRoutingMode: "On" } }), "spec.syncOptions.overlayRoutingMode"],
    [rcc({ datastoreType: "mysql" }), "spec.datastoreType"],
    [rcc({ etcdEndpoints: 1 }), "spec.etcdEndpoints"],
    [rcc({}, { name: "Db" }), "metadata.name"],
    [rcc({}, { name: "a".repeat(33) }), "metadata.name"],
    [rcc({}, { name: undefined }), "metadata.name"],
    [rcc({}, { namespace: "x" }), "metadata.namespace"],
    [
      rcc({}, { annotations: { "catwalk.dev/remote-cluster": "-x" } }),
      "metadata.annotations.catwalk.dev/remote-cluster",
    ],
  ] as const) {
    const parsed = parseRcc(value);
    expect(parsed).toMatchObject({ ok: false, kind: "malformed" });
    expect(problemsOf(parsed)).toContain(field);
  }
});

test("[VIS22] with clusterAccessSecret every other connection field is empty", () => {
  const clusterAccessSecret = { name: "s", namespace: "calico-system", kind: "Secret" };
  const parsed = parseRcc(
    rcc({ clusterAccessSecret, datastoreType: "kubernetes", kubeconfig: "x", etcdEndpoints: "" }),
  );
  expect(parsed).toMatchObject({ ok: false, kind: "rule" });
  expect(problemsOf(parsed)).toEqual(["spec.datastoreType", "spec.kubeconfig"]);
});

test("[VIS22] etcd fields need datastoreType etcdv3, Kubernetes fields need kubernetes", () => {
  expect(problemsOf(parseRcc(rcc({ datastoreType: "kubernetes", etcdUsername: "u" })))).toEqual([
    "spec.etcdUsername",
  ]);
  expect(problemsOf(parseRcc(rcc({ datastoreType: "etcdv3", k8sAPIToken: "t" })))).toEqual([
    "spec.k8sAPIToken",
  ]);
  expect(problemsOf(parseRcc(rcc({ kubeconfig: "k" })))).toEqual(["spec.kubeconfig"]);
});

test("[VIS22] a right RCC with connection fields is not served by this version, and says which they are", () => {
  for (const [spec, fields] of [
    [{ datastoreType: "etcdv3", etcdEndpoints: "http://e" }, ["datastoreType", "etcdEndpoints"]],
    [{ datastoreType: "kubernetes", kubeconfig: "/k" }, ["datastoreType", "kubeconfig"]],
    [{ clusterAccessSecret: { name: "s", namespace: "n" } }, ["clusterAccessSecret"]],
  ] as const) {
    const parsed = parseRcc(rcc(spec));
    expect(parsed).toMatchObject({ ok: false, kind: "unsupported" });
    expect(problemsOf(parsed)).toEqual(fields.map((field) => `spec.${field}`));
  }
});

test("[TYP22] the labels annotation is prefixed or original, and anything else is refused with its field", () => {
  const annotated = (value: string) =>
    parseRcc(rcc(undefined, { annotations: { "catwalk.dev/labels": value } }));
  expect(annotated("prefixed").ok).toBe(true);
  expect(annotated("original").ok).toBe(true);
  expect(annotated("Prefixed")).toEqual({
    ok: false,
    kind: "malformed",
    problems: [
      { field: "metadata.annotations.catwalk.dev/labels", rule: "must be prefixed or original" },
    ],
  });
});
