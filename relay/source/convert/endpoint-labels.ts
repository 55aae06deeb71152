/** Labels of a workload endpoint. */
import type { Labels } from "../../../shared/record/record.ts";

/**
 * @param labels Of the object. What looks like an inherited label is none of the endpoint's.
 * @param set By Calico, whatever the object says.
 */
export function endpointLabels(labels: Labels, set: Labels): Labels {
  const all: Record<string, string> = { ...labels, ...set };
  for (const key of Object.keys(labels))
    if (key.startsWith("pcns.") || key.startsWith("pcsa.")) delete all[key];
  return all;
}

/** Of an endpoint without a service account it says nothing. */
export function accountLabel(account: string): Labels {
  return account === "" ? {} : { "projectcalico.org/serviceaccount": account };
}
