/** A cluster with Calico as its manifests, or its operator, install it; and with relays. */
import type { FakeKubeApi } from "./fake-kube-api.ts";

export const RELAY = { "app.kubernetes.io/name": "catwalk-relay" };
export const POLICIES = "/apis/admissionregistration.k8s.io";

/** Of a Felix that looks for the relays. */
export const OURS = [
  { name: "FELIX_TYPHAK8SNAMESPACE", value: "catwalk" },
  { name: "FELIX_TYPHAK8SSERVICENAME", value: "catwalk-relay" },
];

/** What the operator renders, as its documentation and its own code have it; else the manifests. */
export function calicoNodeEnv(how: "manifest" | "operator"): readonly object[] {
  if (how === "manifest")
    return [
      { name: "DATASTORE_TYPE", value: "kubernetes" },
      {
        name: "FELIX_TYPHAK8SSERVICENAME",
        valueFrom: { configMapKeyRef: { name: "calico-config", key: "typha_service_name" } },
      },
    ];
  return [
    { name: "DATASTORE_TYPE", value: "kubernetes" },
    { name: "FELIX_TYPHAK8SNAMESPACE", value: "calico-system" },
    { name: "FELIX_TYPHAK8SSERVICENAME", value: "calico-typha" },
    { name: "FELIX_TYPHACAFILE", value: "/etc/pki/tls/certs/tigera-ca-bundle.crt" },
    { name: "FELIX_TYPHACERTFILE", value: "/node-certs/tls.crt" },
    { name: "FELIX_TYPHAKEYFILE", value: "/node-certs/tls.key" },
    { name: "FELIX_TYPHACN", value: "typha-server" },
  ];
}

export function calicoNodePod(how: "manifest" | "operator", env = calicoNodeEnv(how)) {
  return {
    containers: [
      { name: "calico-node", image: "quay.io/calico/node:v3.30.2", env },
      { name: "other", image: "example.com/other:1" },
    ],
  };
}

export function addCalico(api: FakeKubeApi, how: "manifest" | "operator"): string {
  const namespace = how === "operator" ? "calico-system" : "kube-system";
  const path = `/apis/apps/v1/namespaces/${namespace}/daemonsets/calico-node`;
  api.objects.set("/version", { gitVersion: "v1.36.3" });
  api.objects.set("/apis", { groups: [{ name: "crd.projectcalico.org" }] });
  api.objects.set(`${POLICIES}/v1`, { resources: [{ name: "validatingadmissionpolicies" }] });
  api.objects.set(path, {
    apiVersion: "apps/v1",
    kind: "DaemonSet",
    metadata: { name: "calico-node", namespace, resourceVersion: "7" },
    spec: { template: { spec: calicoNodePod(how) } },
    status: { desiredNumberScheduled: 2, numberReady: 2 },
  });
  api.objects.set(`/api/v1/namespaces/${namespace}/services/calico-typha`, {});
  api.objects.set(
    `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices/calico-typha-1`,
    {
      metadata: { labels: { "kubernetes.io/service-name": "calico-typha" } },
      endpoints: [{ addresses: ["10.0.0.1"], conditions: { ready: true } }],
    },
  );
  return path;
}

const RELAY_POD = {
  containers: [{ name: "relay", env: [] }],
  volumes: [{ name: "identity", secret: { secretName: "catwalk-identity" } }],
};

export function addRelays(api: FakeKubeApi, ready: number): void {
  const own = "/api/v1/namespaces/catwalk";
  api.objects.set("/apis/apps/v1/namespaces/catwalk/daemonsets/catwalk-relay", {
    metadata: { name: "catwalk-relay", namespace: "catwalk", labels: RELAY },
    spec: { template: { spec: { ...RELAY_POD } } },
    status: { desiredNumberScheduled: 2, numberReady: ready },
  });
  api.objects.set(`${own}/configmaps/catwalk-relay`, { data: {} });
  api.objects.set(`${own}/secrets/catwalk-identity`, {});
  api.objects.set(`${own}/serviceaccounts/catwalk-relay`, {});
}

/** Of one node, as the server has made it. */
export function addFelixPod(
  api: FakeKubeApi,
  how: "manifest" | "operator",
  node: string,
  env: readonly object[],
): void {
  const namespace = how === "operator" ? "calico-system" : "kube-system";
  const name = `calico-node-${node}`;
  api.objects.set(`/api/v1/namespaces/${namespace}/pods/${name}`, {
    metadata: { name, namespace, labels: { "k8s-app": "calico-node" } },
    spec: { nodeName: node, ...calicoNodePod(how, env) },
  });
}
