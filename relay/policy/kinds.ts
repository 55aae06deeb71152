/** A cluster's policy objects, sorted by use: policies, network sets, and what is left out. [SEL9] [SEL10] */
import { formatCidr, parseCidr } from "../../shared/ip/cidr.ts";
import type { Labels } from "../../shared/record/record.ts";
import { policyKindOf } from "../kube/policy-kinds.ts";
import type { PolicyObject } from "../source/source.ts";

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
