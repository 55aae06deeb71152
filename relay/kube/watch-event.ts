/** One line of a watch, parsed. What is not an event is `unparsable`, never skipped: it may have been a deletion. [SRC34] */
import { errorText } from "../../shared/lib/error-text.ts";
import { isJsonObject } from "./kube-object.ts";
import type { JsonObject } from "./kube-object.ts";

export type WatchEvent =
  | { readonly type: "put"; readonly object: JsonObject; readonly position: string }
  | { readonly type: "delete"; readonly object: JsonObject; readonly position: string }
  | { readonly type: "bookmark"; readonly position: string }
  | { readonly type: "error"; readonly status: number; readonly message: string }
  | { readonly type: "unparsable"; readonly message: string };

export function parseWatchEvent(line: string): WatchEvent {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch (error) {
    const why = errorText(error);
    return { type: "unparsable", message: `a line of the watch is not JSON: ${why}` };
  }
  if (!isJsonObject(json) || !isJsonObject(json["object"]))
    return { type: "unparsable", message: "a line of the watch is not an event with an object" };
  const { type, object } = json as { readonly type: unknown; readonly object: JsonObject };
  if (type === "ERROR") return { type: "error", ...readStatus(object, 500) };
  const position = positionOf(object);
  if (position === "")
    return { type: "unparsable", message: "an event of the watch has no metadata.resourceVersion" };
  switch (type) {
    case "ADDED":
    case "MODIFIED":
      return { type: "put", object, position };
    case "DELETED":
      return { type: "delete", object, position };
    case "BOOKMARK":
      return { type: "bookmark", position };
    default:
      return {
        type: "unparsable",
        message: `the watch sent an event of unknown type ${JSON.stringify(type)}`,
      };
  }
}

/** Of an object. Empty: it has none. */
export function positionOf(object: JsonObject): string {
  const metadata = object["metadata"];
  const version = isJsonObject(metadata) ? metadata["resourceVersion"] : undefined;
  return typeof version === "string" ? version : "";
}

/** Reads a `Status` object, as errors come inside watches and as bodies of failed requests. */
export function readStatus(
  object: JsonObject,
  otherwise: number,
): { readonly status: number; readonly message: string } {
  const { code, message, reason } = object;
  const [text = ""] = [message, reason].filter((t) => typeof t === "string" && t !== "");
  const status = typeof code === "number" ? code : otherwise;
  return { status, message: `${status} ${text as string}`.trim().slice(0, 300) };
}

export type ListPage =
  | {
      readonly ok: true;
      readonly items: readonly JsonObject[];
      readonly position: string;
      readonly continueToken: string;
      /** How many items the later pages have; `null`: the server does not say. */
      readonly remaining: number | null;
    }
  | { readonly ok: false; readonly message: string };

/** A list's body: every item, or nothing of it. [SRC35] */
export function parseListPage(body: string): ListPage {
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch (error) {
    const why = errorText(error);
    return { ok: false, message: `the list is not JSON: ${why}` };
  }
  if (!isJsonObject(json) || !isJsonObject(json["metadata"]))
    return { ok: false, message: "the list has no metadata" };
  const items = json["items"] ?? [];
  if (!Array.isArray(items) || !items.every(isJsonObject))
    return { ok: false, message: "the list's items must be a list of objects" };
  const { resourceVersion, continue: token = "", remainingItemCount: rest } = json["metadata"];
  if (typeof resourceVersion !== "string" || resourceVersion === "")
    return { ok: false, message: "the list has no metadata.resourceVersion" };
  if (typeof token !== "string") return { ok: false, message: "metadata.continue must be text" };
  const isCount = typeof rest === "number" && Number.isSafeInteger(rest) && rest >= 0;
  const remaining = token === "" ? 0 : isCount ? rest : null;
  return { ok: true, items, position: resourceVersion, continueToken: token, remaining };
}
