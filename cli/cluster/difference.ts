/**
 * What a cluster's object lacks of a manifest. Only what the manifest says is compared: the server
 * adds defaults, a status, and fields of others.
 */
import { isJsonObject } from "../../relay/kube/kube-object.ts";

export interface Difference {
  /** `spec.template.spec.containers[0].image`. */
  readonly path: string;
  readonly wanted: unknown;
  /** `undefined`: it is not there. */
  readonly actual: unknown;
}

/** @returns None where all that is wanted is there. */
export function differences(wanted: unknown, actual: unknown, path = ""): readonly Difference[] {
  if (Array.isArray(wanted) && Array.isArray(actual)) {
    if (wanted.length !== actual.length) return [{ path, wanted, actual }];
    return wanted.flatMap((one, at) => differences(one, actual[at], `${path}[${at}]`));
  }
  if (isJsonObject(wanted) && isJsonObject(actual))
    return Object.entries(wanted).flatMap(([name, value]) =>
      differences(value, actual[name], path === "" ? name : `${path}.${name}`),
    );
  if (isNothing(wanted) && isNothing(actual)) return [];
  return wanted === actual ? [] : [{ path, wanted, actual }];
}

/** A server leaves out what is empty. */
function isNothing(value: unknown): boolean {
  return (
    value === undefined ||
    value === null ||
    value === "" ||
    (isJsonObject(value) && Object.keys(value).length === 0) ||
    (Array.isArray(value) && value.length === 0)
  );
}
