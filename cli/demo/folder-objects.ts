/** The objects of a folder of YAML, as an API server would have them. */
import { collectionOf } from "../../relay/source/convert/converters.ts";
import type { JsonObject } from "../../relay/kube/kube-object.ts";
import { isJsonObject } from "../../relay/kube/kube-object.ts";
import { readDocuments } from "../../relay/source/manifests/read-documents.ts";

/** Calico's group that is served. */
export const GROUP = "crd.projectcalico.org";

export interface FolderObject {
  /** `/api/v1/pods` */
  readonly path: string;
  /** `shop/web-0` */
  readonly id: string;
  readonly json: JsonObject;
}

export type FileObjects =
  | { readonly ok: true; readonly objects: readonly FolderObject[] }
  | { readonly ok: false; readonly message: string };

/** What is of no kind that a relay follows is left out. @param path Before its problem's text. */
export function objectsIn(path: string, text: string): FileObjects {
  const read = readDocuments(text);
  if (!read.ok) return { ok: false, message: `${path}:${read.line}: ${read.message}` };
  return { ok: true, objects: read.objects.flatMap(({ json }) => objectOf(json) ?? []) };
}

function objectOf(json: JsonObject): FolderObject | null {
  const { apiVersion, kind, metadata } = json;
  if (typeof apiVersion !== "string" || typeof kind !== "string") return null;
  const collection = collectionOf(apiVersion, kind);
  if (collection === undefined || !isJsonObject(metadata)) return null;
  const { name, namespace } = metadata;
  if (typeof name !== "string") return null;
  const { group, plural } = collection;
  const base = group === "core" ? "/api/v1" : `/apis/${group === "calico" ? `${GROUP}/v1` : group}`;
  const id = `${typeof namespace === "string" ? namespace : ""}/${name}`;
  return { path: `${base}/${plural}`, id, json };
}
