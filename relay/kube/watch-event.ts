/** Answers of an API server, parsed: lines of a watch, pages of a list, errors. */
import { parseJson } from "../../shared/lib/parse-json.ts";
import { isJsonObject } from "./kube-object.ts";
import type { JsonObject } from "./kube-object.ts";

export type WatchEvent =
  | { readonly type: "put"; readonly object: JsonObject; readonly position: string }
  | { readonly type: "delete"; readonly object: JsonObject; readonly position: string }
  | { readonly type: "bookmark"; readonly position: string }
  | { readonly type: "error"; readonly status: number; readonly message: string }
  | { readonly type: "unparsable"; readonly message: string };

/**
 * One line of a watch. What is not an event is `unparsable`, never skipped: it may have been a
 * deletion. [SRC34]
 */
export function parseWatchEvent(line: string): WatchEvent {
  const json = parseJson(line);
  if (!json.ok)
    return { type: "unparsable", message: `a line of the watch is not JSON: ${json.message}` };
  const { type, object }: JsonObject = isJsonObject(json.value) ? json.value : {};
  if (!isJsonObject(object))
    return { type: "unparsable", message: "a line of the watch is not an event with an object" };
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
  const [text = ""] = [message, reason].filter((t) => typeof t === "string").filter(Boolean);
  const status = typeof code === "number" ? code : otherwise;
  return { status, message: `${status} ${text}`.trim().slice(0, 300) };
}

/** Why a request failed: the server's own words where it gives a `Status`, else its beginning. */
export function describeFailure(status: number, body: string): string {
  const json = parseJson(body);
  return json.ok && isJsonObject(json.value)
    ? readStatus(json.value, status).message
    : `${status} ${body.slice(0, 200)}`.trim();
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
  const parsed = parseJson(body);
  if (!parsed.ok) return { ok: false, message: `the list is not JSON: ${parsed.message}` };
  const json = parsed.value;
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
