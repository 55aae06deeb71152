/**
 * RCCs for a remote with the Kubernetes datastore as Calico Enterprise's guides and reference have
 * them: fields, order and names are theirs. (Configuring remote clusters; Remote cluster
 * configuration; Configure federated endpoint identity. Read 2026-11.)
 */
export const DOCUMENTED: readonly { readonly name: string; readonly text: string }[] = [
  {
    name: "guide of a Kubernetes remote",
    text: `apiVersion: projectcalico.org/v3
kind: RemoteClusterConfiguration
metadata:
  name: cluster-n
spec:
  datastoreType: kubernetes
  kubeconfig: /etc/tigera-federation-remotecluster/kubeconfig-rem-cluster-n
`,
  },
  {
    name: "reference of a Kubernetes remote",
    text: `apiVersion: projectcalico.org/v3
kind: RemoteClusterConfiguration
metadata:
  name: cluster1
spec:
  datastoreType: kubernetes
  kubeconfig: /etc/tigera-federation-remotecluster/kubeconfig-rem-cluster-1
`,
  },
  ...["Enabled", "Disabled"].map((mode) => ({
    name: `guide with a Secret and overlayRoutingMode ${mode}`,
    text: `apiVersion: projectcalico.org/v3
kind: RemoteClusterConfiguration
metadata:
  name: cluster-b
spec:
  clusterAccessSecret:
    name: remote-cluster-secret-name
    namespace: remotes
    kind: Secret
  syncOptions:
    overlayRoutingMode: ${mode}
`,
  })),
];
