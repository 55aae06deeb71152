/** Where an API server keeps an object of the kinds that our manifests have. */
import { isJsonObject } from "../../relay/kube/kube-object.ts";
import type { JsonObject } from "../../relay/kube/kube-object.ts";

const PLURALS: Readonly<Record<string, string>> = {
  Namespace: "namespaces",
  ServiceAccount: "serviceaccounts",
  ConfigMap: "configmaps",
  Service: "services",
  Secret: "secrets",
  DaemonSet: "daemonsets",
  Role: "roles",
  RoleBinding: "rolebindings",
  ClusterRole: "clusterroles",
  ClusterRoleBinding: "clusterrolebindings",
  CustomResourceDefinition: "customresourcedefinitions",
  ValidatingAdmissionPolicy: "validatingadmissionpolicies",
  ValidatingAdmissionPolicyBinding: "validatingadmissionpolicybindings",
  MutatingAdmissionPolicy: "mutatingadmissionpolicies",
  MutatingAdmissionPolicyBinding: "mutatingadmissionpolicybindings",
};

export interface ObjectPath {
  /** `DaemonSet catwalk/catwalk-relay`. */
  readonly title: string;
  /** Of all of its kind there: what a new one is posted to. */
  readonly collection: string;
  readonly path: string;
}

/** @throws where it is none of our manifests' kinds: a manifest that this list lacks. */
export function pathOf(object: JsonObject): ObjectPath {
  const { apiVersion, kind } = object;
  const metadata = isJsonObject(object["metadata"]) ? object["metadata"] : {};
  const { name, namespace } = metadata;
  const plural = PLURALS[String(kind)];
  if (typeof apiVersion !== "string" || typeof name !== "string" || plural === undefined)
    throw new Error(`BUG: no path of ${String(apiVersion)} ${String(kind)} ${String(name)}`);
  const root = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const isWithin = typeof namespace === "string" && namespace !== "";
  const collection = `${root}${isWithin ? `/namespaces/${namespace}` : ""}/${plural}`;
  return {
    title: `${String(kind)} ${isWithin ? `${namespace}/` : ""}${name}`,
    collection,
    path: `${collection}/${encodeURIComponent(name)}`,
  };
}
