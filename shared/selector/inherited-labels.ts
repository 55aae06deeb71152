/**
 * The labels that Felix matches a rule against: an endpoint's own, then those of its profiles, the
 * first of them that has the label. [SEL4]
 */
import type { HostEndpoint, Labels, WorkloadEndpoint } from "../record/record.ts";
import type { LabelLookup } from "./ast.ts";

export type Endpoint = WorkloadEndpoint | HostEndpoint;

/**
 * @param profileLabels Labels of a profile of the endpoint's own cluster, `undefined` when it is
 *   not known.
 */
export function labelsOf(
  endpoint: Pick<Endpoint, "labels" | "profiles">,
  extra: Labels,
  profileLabels: (profile: string) => Labels | undefined,
): LabelLookup {
  return (label) => {
    const own = ownValue(extra, label) ?? ownValue(endpoint.labels, label);
    if (own !== undefined) return own;
    for (const profile of endpoint.profiles) {
      const inherited = ownValue(profileLabels(profile) ?? {}, label);
      if (inherited !== undefined) return inherited;
    }
    return undefined;
  };
}

/** A label may be called `constructor`. */
function ownValue(labels: Labels, label: string): string | undefined {
  return Object.hasOwn(labels, label) ? labels[label] : undefined;
}
