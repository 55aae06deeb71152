/** RCC documents of a folder, as they are written. */
import { expect, test } from "vitest";

import { mergeDocuments, readFileDocuments } from "../../../relay/direct/documents.ts";
import { rccText } from "../../support/direct-rig.ts";

const read = (text: string) => readFileDocuments("a.yaml", text, undefined);

test("[DIR2] every field of the type is taken, secrets too, where the relay reads the document", () => {
  const spec = {
    datastoreType: "etcdv3",
    etcdEndpoints: "https://10.0.0.1:2379,https://10.0.0.2:2379",
    etcdUsername: "u",
    etcdPassword: "p",
    etcdKey: "k",
    etcdCert: "c",
    etcdCACert: "ca",
    kubeconfig: "/etc/tigera-federation-remotecluster/kubeconfig-rem-cluster-n",
    kubeconfigInline: "x",
    k8sInsecureSkipTLSVerify: true,
    syncOptions: { overlayRoutingMode: "Enabled" },
  };
  const { rccs, bad } = read(rccText("n", spec));
  expect(bad).toEqual([]);
  expect(rccs[0]?.spec).toEqual(spec);
});

test("[DIR2] the samples of the documentation are taken unchanged", () => {
  const { rccs, bad } = read(`
apiVersion: projectcalico.org/v3
kind: RemoteClusterConfiguration
metadata:
  name: cluster-n
spec:
  datastoreType: etcdv3
  etcdEndpoints: "https://10.0.0.1:2379,https://10.0.0.2:2379"
  # Include the remote-cluster kubeconfig for the federated services controller
  kubeconfig: /etc/tigera-federation-remotecluster/kubeconfig-rem-cluster-n
---
apiVersion: projectcalico.org/v3
kind: RemoteClusterConfiguration
metadata:
  name: cluster1
spec:
  datastoreType: kubernetes
  kubeconfig: /etc/tigera-federation-remotecluster/kubeconfig-rem-cluster-1
---
apiVersion: projectcalico.org/v3
kind: RemoteClusterConfiguration
metadata:
  name: cluster2
spec:
  clusterAccessSecret:
    name: remote-cluster-secret-name
    namespace: remote-cluster-secret-namespace
    kind: Secret
  syncOptions:
    overlayRoutingMode: Enabled
`);
  expect(bad).toEqual([]);
  expect(rccs.map(({ name }) => name)).toEqual(["cluster-n", "cluster1", "cluster2"]);
});

test("[DIR2] what kubectl and calicoctl print is taken as it is: lists, and what a server has added", () => {
  const { rccs, bad } = read(`
apiVersion: v1
items:
- apiVersion: projectcalico.org/v3
  kind: RemoteClusterConfiguration
  metadata:
    annotations:
      kubectl.kubernetes.io/last-applied-configuration: |
        {"apiVersion":"projectcalico.org/v3","kind":"RemoteClusterConfiguration"}
    creationTimestamp: "2026-11-30T10:00:00Z"
    generation: 2
    managedFields: [{ manager: kubectl, operation: Update }]
    name: db
    resourceVersion: "1234"
    uid: 8f4c1c52-3a1e-4d3a-9a55-000000000001
  spec:
    clusterAccessSecret:
      kind: Secret
      name: db
      namespace: remotes
    syncOptions: {}
  status: {}
kind: List
metadata:
  resourceVersion: ""
---
apiVersion: projectcalico.org/v3
items:
- metadata:
    creationTimestamp: null
    name: web
  spec:
    etcdEndpoints: https://10.0.0.1:2379
kind: RemoteClusterConfigurationList
metadata:
  resourceVersion: "1234"
`);
  expect(bad).toEqual([]);
  expect(rccs.map(({ name }) => name)).toEqual(["db", "web"]);
  // Unset, it is an etcd's.
  expect(rccs[1]?.spec).toEqual({ etcdEndpoints: "https://10.0.0.1:2379" });
});

test("[DIR2] one document that breaks a rule names each field, and costs no other", () => {
  const wrong = { datastoreType: "kubernetes", etcdEndpoints: "http://a:1", etcdUsername: "u" };
  const text = `${rccText("bad", wrong)}\n---\n${rccText("good", { datastoreType: "kubernetes" })}`;
  const { rccs, bad } = read(text.replace("}\n---", "}\n---"));
  expect(rccs.map(({ name }) => name)).toEqual(["good"]);
  expect(bad.map(({ name, problems }) => [name, problems.map(({ field }) => field)])).toEqual([
    ["bad", ["spec.etcdEndpoints", "spec.etcdUsername"]],
  ]);
});

test("[DIR2] of two documents with one name the first file's counts, and the other is told", () => {
  const one = readFileDocuments(
    "a.yaml",
    rccText("db", { datastoreType: "kubernetes" }),
    undefined,
  );
  const two = readFileDocuments("b.yaml", rccText("db", { datastoreType: "etcdv3" }), undefined);
  const { rccs, bad } = mergeDocuments(
    new Map([
      ["b.yaml", two],
      ["a.yaml", one],
    ]),
  );
  expect(rccs.get("db")?.where).toBe("a.yaml:1");
  expect(bad[0]?.problems[0]?.rule).toContain("a.yaml:1");
});

test("[DIR1] a file that is no YAML keeps what it held, and its words have nothing of it", () => {
  const before = read(rccText("db", { datastoreType: "kubernetes" }));
  const { rccs, bad } = readFileDocuments("a.yaml", 'a: "x\n"hunter2-secret": : }{', before);
  expect(rccs).toEqual(before.rccs);
  expect(JSON.stringify(bad)).toContain("stays");
  expect(JSON.stringify(bad)).not.toContain("hunter2");
});

test("[DIR2] a document that names a member is not for the folder", () => {
  expect(read(rccText("db", {})).bad[0]?.problems[0]?.rule).toContain("goes to the hub");
});
