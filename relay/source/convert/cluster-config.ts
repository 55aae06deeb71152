/**
 * FelixConfiguration and ClusterInformation (both only `default`) → each its part of the one
 * ClusterConfig record; the parts are put together by `ObjectSet`. Only parameters that other
 * clusters need travel. Source: calico v3.32.1
 * libcalico-go/lib/backend/syncersv1/updateprocessors/configurationprocessor.go.
 */
import { CLUSTER_CONFIG_PARAMS } from "../../../shared/record/record.ts";
import type { ClusterConfig } from "../../../shared/record/record.ts";
import { effectiveLabels } from "./calico-metadata.ts";
import type { Report } from "./conversion.ts";
import { textAt } from "../../kube/kube-object.ts";
import type { KubeObject } from "../../kube/kube-object.ts";

/** [SRC21] */
export function convertFelixConfiguration(
  object: KubeObject,
  report: Report,
): ClusterConfig | null {
  if (object.metadata.name !== "default") return null;
  effectiveLabels(object);
  const params: Record<string, string> = {};
  for (const name of CLUSTER_CONFIG_PARAMS) {
    if (name === "ClusterGUID") continue;
    const field = fieldOf(name);
    const given = object.spec[field] ?? null;
    if (given === null) continue;
    const isList = name === "ExternalNodesCIDRList" && Array.isArray(given) && given.every(isText);
    const value = isList ? given.join(",") : given;
    const isWhole = typeof value === "number" && Number.isSafeInteger(value);
    if (typeof value === "string" || typeof value === "boolean" || isWhole)
      params[name] = String(value);
    else report(`spec.${field}`, "must be text, a whole number, or true or false");
  }
  return Object.keys(params).length === 0 ? null : { kind: "ClusterConfig", params };
}

/** [SRC21] */
export function convertClusterInformation(object: KubeObject): ClusterConfig | null {
  if (object.metadata.name !== "default") return null;
  effectiveLabels(object);
  const guid = textAt(object.spec, "clusterGUID", "spec.clusterGUID");
  return guid === "" ? null : { kind: "ClusterConfig", params: { ClusterGUID: guid } };
}

const isText = (value: unknown): boolean => typeof value === "string";

/** `VXLANEnabled` is `vxlanEnabled` in the resource, `RouteSource` is `routeSource`. */
function fieldOf(param: string): string {
  if (param === "ExternalNodesCIDRList") return "externalNodesList";
  return param.replace(/^(VXLAN|[A-Z])/, (start) => start.toLowerCase());
}
