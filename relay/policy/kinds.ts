/**
 * What a cluster has beside endpoints for its policies, by kind: policies that are worked out,
 * network sets that rules hold too, and kinds that are left out, by name. [SEL9] [SEL10]
 */
import { formatCidr, parseCidr } from "../../shared/ip/cidr.ts";
import type { Labels } from "../../shared/record/record.ts";
import type { PolicyObject } from "../source/source.ts";

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

export interface NetworkSet {
  /** `NetworkSet shop/partners`, `GlobalNetworkSet partners`. */
  readonly title: string;
  /** Canonical, with their prefix lengths. */
  readonly nets: readonly string[];
  readonly labels: Labels;
  /** Names of the profiles whose labels it inherits: that of its namespace. */
  readonly profiles: readonly string[];
}

export interface SortedPolicies {
  readonly policies: readonly PolicyObject[];
  readonly networkSets: readonly NetworkSet[];
  readonly leftOut: readonly PolicyObject[];
  /** Network sets, or parts of them, that cannot be read, each with the field and the rule. */
  readonly problems: readonly string[];
}

/** Total: whatever an API server or a file has. */
export function sortPolicies(objects: readonly PolicyObject[]): SortedPolicies {
  const policies: PolicyObject[] = [];
  const networkSets: NetworkSet[] = [];
  const leftOut: PolicyObject[] = [];
  const problems: string[] = [];
  for (const object of objects) {
    const use = policyKindOf(object.apiVersion, object.kind)?.use;
    if (use === "policy") policies.push(object);
    else if (use === "left-out") leftOut.push(object);
    else if (use === "network-set") networkSets.push(readNetworkSet(object, problems));
  }
  return { policies, networkSets, leftOut, problems };
}

export function titleOf({ kind: name, metadata }: PolicyObject): string {
  return `${name} ${metadata.namespace === undefined ? "" : `${metadata.namespace}/`}${metadata.name}`;
}

/**
 * As Calico makes a set of it: a namespaced one is matched like an endpoint of its namespace.
 * Source: calico v3.32.1 updateprocessors/networksetprocessor.go.
 */
function readNetworkSet(object: PolicyObject, problems: string[]): NetworkSet {
  const title = titleOf(object);
  const { namespace } = object.metadata;
  const isNamespaced = object.kind === "NetworkSet" && namespace !== undefined;
  const written = isObject(object.metadata.labels) ? object.metadata.labels : {};
  const own = Object.fromEntries(
    Object.entries(written).flatMap(([key, value]) =>
      typeof value === "string" ? [[key, value]] : [],
    ),
  );
  const nets: unknown = isObject(object.spec) ? (object.spec["nets"] ?? []) : [];
  if (!Array.isArray(nets)) problems.push(`${title}: spec.nets: must be a list`);
  const read = (Array.isArray(nets) ? nets : []).flatMap((net: unknown, i) => {
    const cidr = typeof net === "string" ? parseCidr(net) : null;
    if (cidr === null)
      problems.push(`${title}: spec.nets[${i}]: ${JSON.stringify(net)} is no address or prefix`);
    return cidr === null ? [] : [formatCidr(cidr)];
  });
  return {
    title,
    nets: [...new Set(read)],
    labels: isNamespaced ? { ...own, "projectcalico.org/namespace": namespace } : own,
    profiles: isNamespaced ? [`kns.${namespace}`] : [],
  };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
