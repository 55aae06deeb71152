/** The door by which policies and network sets enter: JSON of an API server or of a file. */
import { isJsonObject } from "../kube/kube-object.ts";
import type { JsonObject } from "../kube/kube-object.ts";
import type { PolicyObject } from "./source.ts";

/**
 * All of an object, of which only name and namespace are known to be text.
 * @returns `null` for what names no kind or no object: nobody could say which policy it is.
 */
export function readPolicyObject(json: JsonObject): PolicyObject | null {
  const { apiVersion, kind, metadata } = json;
  if (typeof apiVersion !== "string" || typeof kind !== "string") return null;
  if (!isJsonObject(metadata)) return null;
  const { name, namespace } = metadata;
  if (typeof name !== "string") return null;
  const named = typeof namespace === "string" ? { name, namespace } : { name };
  return { ...json, apiVersion, kind, metadata: { ...metadata, ...named } };
}
