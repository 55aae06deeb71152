/**
 * Kinds of the Kubernetes API that `catwalk policy` reads: policies that are worked out, network
 * sets that their rules hold too, and kinds that are left out, by name. [SEL9] [SEL10]
 */
export interface PolicyKind {
  readonly kind: string;
  /** Of the resource. */
  readonly plural: string;
  /** `calico`: whichever of Calico's two groups the cluster has. */
  readonly group: string;
  readonly isNamespaced: boolean;
  readonly use: "policy" | "network-set" | "left-out";
}

/** Everything that is read. What a cluster does not know is an empty list. */
export const POLICY_KINDS: readonly PolicyKind[] = [
  kind("NetworkPolicy", "networkpolicies", "networking.k8s.io/v1", true, "policy"),
  kind("NetworkPolicy", "networkpolicies", "calico", true, "policy"),
  kind("GlobalNetworkPolicy", "globalnetworkpolicies", "calico", false, "policy"),
  kind("NetworkSet", "networksets", "calico", true, "network-set"),
  kind("GlobalNetworkSet", "globalnetworksets", "calico", false, "network-set"),
  kind("StagedNetworkPolicy", "stagednetworkpolicies", "calico", true, "left-out"),
  kind("StagedGlobalNetworkPolicy", "stagedglobalnetworkpolicies", "calico", false, "left-out"),
  kind(
    "StagedKubernetesNetworkPolicy",
    "stagedkubernetesnetworkpolicies",
    "calico",
    true,
    "left-out",
  ),
  ...["v1alpha1", "v1alpha2"].flatMap((version) => [
    admin("AdminNetworkPolicy", "adminnetworkpolicies", version),
    admin("BaselineAdminNetworkPolicy", "baselineadminnetworkpolicies", version),
    admin("ClusterNetworkPolicy", "clusternetworkpolicies", version),
  ]),
];

function kind(
  name: string,
  plural: string,
  group: string,
  isNamespaced: boolean,
  use: PolicyKind["use"],
): PolicyKind {
  return { kind: name, plural, group, isNamespaced, use };
}

function admin(name: string, plural: string, version: string): PolicyKind {
  return kind(name, plural, `policy.networking.k8s.io/${version}`, false, "left-out");
}

const CALICO = /^(projectcalico\.org\/v3|crd\.projectcalico\.org\/v1)$/;

/**
 * `undefined` for what is none of them. A version of `policy.networking.k8s.io` that is not known
 * counts as one that is.
 */
export function policyKindOf(apiVersion: string, name: string): PolicyKind | undefined {
  const group = CALICO.test(apiVersion) ? "calico" : apiVersion;
  const isAdmin = apiVersion.startsWith("policy.networking.k8s.io/");
  return POLICY_KINDS.find(
    (one) =>
      one.kind === name &&
      (one.group === group || (isAdmin && one.group.startsWith("policy.networking.k8s.io/"))),
  );
}
