/**
 * Namespace and ServiceAccount → Profile: the labels that their endpoints inherit. A terminating
 * namespace keeps its profile until the object is gone. Source: calico v3.32.1
 * libcalico-go/lib/backend/k8s/conversion/conversion.go.
 */
import type { Labels, Profile } from "../../../shared/record/record.ts";
import { FieldProblem } from "../../kube/kube-object.ts";
import type { KubeObject } from "../../kube/kube-object.ts";

const NAME_LABEL = "projectcalico.org/name";

/** [SRC15] */
export function convertNamespace({ metadata }: KubeObject): Profile {
  return {
    kind: "Profile",
    name: `kns.${metadata.name}`,
    labels: inherit("pcns.", metadata.labels, metadata.name),
  };
}

/** [SRC15] */
export function convertServiceAccount({ metadata }: KubeObject): Profile {
  if (metadata.namespace === "") throw new FieldProblem("metadata.namespace", "is missing");
  return {
    kind: "Profile",
    name: `ksa.${metadata.namespace}.${metadata.name}`,
    labels: inherit("pcsa.", metadata.labels, metadata.name),
  };
}

/**
 * Every label gets the prefix, one that has it already too; the name label is always the object's
 * own.
 */
function inherit(prefix: "pcns." | "pcsa.", labels: Labels, name: string): Labels {
  return Object.fromEntries([
    ...Object.entries(labels).map(([key, value]) => [`${prefix}${key}`, value] as const),
    [`${prefix}${NAME_LABEL}`, name],
  ]);
}
