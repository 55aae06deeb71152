/**
 * Which version of the standard's multi-cluster services API a cluster serves: ServiceExport and
 * ServiceImport have the same fields in both. [MCS1]
 */
import { parseJson } from "../../shared/lib/parse-json.ts";
import { isJsonObject } from "./kube-object.ts";

const GROUP = "multicluster.x-k8s.io";
/** The newest first. */
export const MCS_VERSIONS = [`${GROUP}/v1beta1`, `${GROUP}/v1alpha1`] as const;
export type McsVersion = (typeof MCS_VERSIONS)[number];

export function isMcsVersion(apiVersion: string): apiVersion is McsVersion {
  return (MCS_VERSIONS as readonly string[]).includes(apiVersion);
}

/**
 * @param body Answer to `GET /apis` (an APIGroupList).
 * @returns The newest that is served; the newest of all where none is, so that its collections are
 *   absent and this is asked again. `null`: the answer is no list of groups.
 */
export function chooseMcsVersion(body: string): McsVersion | null {
  const parsed = parseJson(body);
  const json = parsed.ok ? parsed.value : null;
  if (!isJsonObject(json) || !Array.isArray(json["groups"])) return null;
  const served = new Set(
    json["groups"].flatMap((group: unknown) => {
      if (!isJsonObject(group) || group["name"] !== GROUP) return [];
      const { versions } = group;
      if (!Array.isArray(versions)) return [];
      return versions.map((one: unknown) => (isJsonObject(one) ? one["groupVersion"] : null));
    }),
  );
  return MCS_VERSIONS.find((version) => served.has(version)) ?? MCS_VERSIONS[0];
}
