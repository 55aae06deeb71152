import { expect, test } from "vitest";

import { notServed } from "../../../shared/visibility/rcc-connection.ts";
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

test("[VIS22] [VIS42] an object as kubectl prints it can be applied: null is absent, and what Kubernetes adds is ignored", () => {
  const exported = {
    ...(rcc(
      { syncOptions: {} },
      {
        uid: "1",
        resourceVersion: "2",
        creationTimestamp: null,
        selfLink: "/apis/x",
        finalizers: ["foregroundDeletion"],
        ownerReferences: [{ apiVersion: "v1", kind: "ConfigMap", name: "m", uid: "2" }],
        managedFields: [{ manager: "kubectl", operation: "Apply", fieldsV1: { "f:spec": {} } }],
        generateName: null,
        deletionTimestamp: "2026-01-01T00:00:00Z",
        deletionGracePeriodSeconds: 0,
        namespace: "",
        labels: { a: null, b: "c" },
        annotations: {
          "argocd.argoproj.io/sync-wave": "2",
          empty: null,
          "kubectl.kubernetes.io/last-applied-configuration": "x".repeat(100_000),
        },
      },
    ) as object),
    status: { any: 1 },
  };
  expect(parseRcc(exported)).toMatchObject({
    ok: true,
    rcc: { remoteName: "db", annotations: { "argocd.argoproj.io/sync-wave": "2" }, spec: {} },
  });
  for (const spec of [
    null,
    {},
    { clusterAccessSecret: null, syncOptions: null },
    { datastoreType: "", etcdEndpoints: "", kubeconfig: null },
    { syncOptions: { overlayRoutingMode: null } },
    { syncOptions: { overlayRoutingMode: "" }, k8sInsecureSkipTLSVerify: false },
  ])
    expect([spec, parseRcc(rcc(spec, { annotations: null, labels: null }))]).toMatchObject([
      spec,
      { ok: true, rcc: { remoteName: "db", overlayRoutingMode: "Disabled", annotations: {} } },
    ]);
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
    [rcc({}, { name: "a".repeat(64) }), "metadata.name"],
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

test("[VIS41] with clusterAccessSecret every other connection field is empty", () => {
  const clusterAccessSecret = { name: "s", namespace: "calico-system", kind: "Secret" };
  const parsed = parseRcc(
    rcc({ clusterAccessSecret, datastoreType: "kubernetes", kubeconfig: "x", etcdEndpoints: "" }),
  );
  expect(parsed).toMatchObject({ ok: false, kind: "rule" });
  expect(problemsOf(parsed)).toEqual(["spec.datastoreType", "spec.kubeconfig"]);
});

test("[VIS41] etcd fields go with datastoreType etcdv3, Kubernetes fields with either, as older documents have it", () => {
  expect(problemsOf(parseRcc(rcc({ datastoreType: "kubernetes", etcdUsername: "u" })))).toEqual([
    "spec.etcdUsername",
  ]);
  expect(problemsOf(parseRcc(rcc({ kubeconfig: "/k" })))).toEqual(["spec.kubeconfig"]);
  const both = { datastoreType: "etcdv3", etcdEndpoints: "https://e:2379", kubeconfig: "/k" };
  expect(parseRcc(rcc(both)).ok).toBe(true);
  expect(parseRcc(rcc({ etcdEndpoints: "https://e:2379, https://[2001:db8::1]:2379" })).ok).toBe(
    true,
  );
});

test("[VIS40] an RCC with connection fields names no member, and says which of its fields are not served", () => {
  for (const [spec, fields] of [
    [{ datastoreType: "etcdv3", etcdEndpoints: "http://e" }, ["datastoreType", "etcdEndpoints"]],
    [{ datastoreType: "kubernetes", kubeconfig: "/k:/l" }, ["datastoreType", "kubeconfig"]],
    [{ clusterAccessSecret: { name: "s", namespace: "n" } }, ["clusterAccessSecret"]],
    [
      {
        clusterAccessSecret: { kind: "Secret", name: "s", namespace: "n", apiVersion: "v1" },
        syncOptions: { overlayRoutingMode: "Enabled" },
      },
      ["clusterAccessSecret", "syncOptions.overlayRoutingMode"],
    ],
    [
      {
        datastoreType: "kubernetes",
        k8sAPIEndpoint: "https://10.0.0.1:6443",
        k8sInsecureSkipTLSVerify: true,
      },
      ["datastoreType", "k8sAPIEndpoint", "k8sInsecureSkipTLSVerify"],
    ],
  ] as const) {
    const parsed = parseRcc(rcc(spec));
    expect(parsed).toMatchObject({ ok: true, rcc: { name: "db", remoteName: null, spec } });
    const told = parsed.ok ? notServed(parsed.rcc.spec) : [];
    expect(told.map(({ field }) => field)).toEqual(fields.map((field) => `spec.${field}`));
    for (const { rule } of told) expect(rule).toMatch(/^NotServed: /);
  }
});

test("[VIS40] overlay routing of an RCC that names a member is served", () => {
  const parsed = parseRcc(rcc({ syncOptions: { overlayRoutingMode: "Enabled" } }));
  expect(parsed).toMatchObject({ ok: true, rcc: { remoteName: "db" } });
  expect(parsed.ok && notServed(parsed.rcc.spec)).toEqual([]);
});

test("[VIS41] secrets in the document, and contents where a path belongs, are refused with what to do, and never repeated", () => {
  const pem = "-----BEGIN PRIVATE KEY-----\nhush\n";
  for (const [spec, field] of [
    [{ datastoreType: "etcdv3", etcdEndpoints: "http://e", etcdPassword: "hush" }, "etcdPassword"],
    [{ datastoreType: "etcdv3", etcdEndpoints: "http://e", etcdKey: pem }, "etcdKey"],
    [{ datastoreType: "kubernetes", k8sAPIToken: "hush" }, "k8sAPIToken"],
    [{ datastoreType: "kubernetes", kubeconfigInline: "hush" }, "kubeconfigInline"],
    [{ datastoreType: "kubernetes", kubeconfig: "users:\n- hush\n" }, "kubeconfig"],
    [{ datastoreType: "etcdv3", etcdKeyFile: pem }, "etcdKeyFile"],
    [{ datastoreType: "kubernetes", k8sAPIEndpoint: "https://u:hush@k" }, "k8sAPIEndpoint"],
    [{ datastoreType: "etcdv3", etcdEndpoints: "http://e,http://u:hush@f" }, "etcdEndpoints"],
  ] as const) {
    const parsed = parseRcc(rcc(spec));
    expect([field, parsed]).toMatchObject([field, { ok: false, kind: "rule" }]);
    expect(problemsOf(parsed)).toEqual([`spec.${field}`]);
    expect(JSON.stringify(parsed)).toMatch(/Secret/);
    expect(JSON.stringify(parsed)).not.toMatch(/hush/);
  }
});

test("[VIS41] endpoints are http or https URLs", () => {
  for (const endpoint of ["10.0.0.1:6443", "ftp://x", "https://", "https://a b", "http://x,"]) {
    const etcd = parseRcc(rcc({ datastoreType: "etcdv3", etcdEndpoints: endpoint }));
    const kubernetes = parseRcc(rcc({ datastoreType: "kubernetes", k8sAPIEndpoint: endpoint }));
    expect([endpoint, problemsOf(etcd)]).toEqual([endpoint, ["spec.etcdEndpoints"]]);
    expect([endpoint, problemsOf(kubernetes)]).toEqual([endpoint, ["spec.k8sAPIEndpoint"]]);
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
