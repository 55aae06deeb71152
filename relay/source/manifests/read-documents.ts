/**
 * A file's text → the objects in it, with their lines: YAML (several documents, aliases, merge
 * keys), JSON and streams of JSON, lists of objects. A broken document breaks its file: half a file
 * is not what its author meant. [SRC40] [SRC48]
 */
import { isMap, isSeq, LineCounter, parseAllDocuments } from "yaml";
import type { Node as YamlNode } from "yaml";

import { errorText } from "../../../shared/lib/error-text.ts";
import { isJsonObject } from "../../kube/kube-object.ts";
import type { JsonObject } from "../../kube/kube-object.ts";
import { readJsonStream } from "./json-stream.ts";

export interface LocatedObject {
  /** Line of the object's first token in its file, from 1. */
  readonly line: number;
  readonly json: JsonObject;
}

interface Broken {
  readonly ok: false;
  readonly line: number;
  readonly message: string;
}

export type ReadDocuments =
  | { readonly ok: true; readonly objects: readonly LocatedObject[] }
  | Broken;

/** Lists in lists; deeper ones are refused. kubectl follows them too. */
const MAX_NESTED = 8;

/**
 * Whatever an API server would refuse is an error of the file: text, objects, and a name where
 * records need one. Aliases that expand without end are refused by the parser's own bound.
 */
export function readDocuments(text: string): ReadDocuments {
  const read = readYaml(text);
  if (read.ok || !/^\ufeff?\s*\{/.test(text)) return read;
  // One JSON object after another is no YAML, nor are tabs and repeated keys everywhere.
  const stream = readJsonStream(text);
  if (stream.ok) return gather(stream.values.map(({ line, value }) => ({ line, value })));
  return stream.count > 0 ? stream : read;
}

interface Root {
  readonly line: number;
  readonly value: unknown;
  /** Where the syntax tree is known: lines of what is inside. */
  readonly node?: YamlNode;
  readonly lineOf?: (node: YamlNode) => number;
}

function readYaml(text: string): ReadDocuments {
  const lines = new LineCounter();
  const parsed = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false, merge: true });
  // Text without any document (only comments) gives an empty list with extras.
  const documents = Array.isArray(parsed) ? parsed : [];
  const lineOf = (node: YamlNode): number => lines.linePos(node.range?.[0] ?? 0).line;
  const roots: Root[] = [];
  for (const document of documents) {
    const [error] = document.errors;
    if (error !== undefined)
      return { ok: false, line: lines.linePos(error.pos[0]).line, message: error.message };
    const node = document.contents as YamlNode | null;
    if (node === null) continue;
    const line = lineOf(node);
    try {
      roots.push({ line, value: document.toJS({ maxAliasCount: 100 }), node, lineOf });
    } catch (cause) {
      return { ok: false, line, message: errorText(cause) };
    }
  }
  return gather(roots);
}

function gather(roots: readonly Root[]): ReadDocuments {
  const objects: LocatedObject[] = [];
  for (const root of roots) {
    if (root.value === null) continue;
    if (!isJsonObject(root.value))
      return { ok: false, line: root.line, message: "document: must be an object" };
    const broken = flatten({ ...root, value: root.value }, objects, 0);
    if (broken !== null) return broken;
  }
  return { ok: true, objects };
}

/**
 * The object, or what is in it where it is a list: typed (`PodList`, whose items may lack their own
 * kind) or not.
 */
function flatten(
  root: Root & { readonly value: JsonObject },
  objects: LocatedObject[],
  depth: number,
): Broken | null {
  const { value: json, line } = root;
  const { kind } = json;
  if (typeof kind !== "string" || !kind.endsWith("List") || json["items"] === undefined) {
    objects.push({ line, json });
    return null;
  }
  const items: unknown = json["items"] ?? [];
  if (!Array.isArray(items)) return { ok: false, line, message: "items: must be a list" };
  if (depth >= MAX_NESTED)
    return { ok: false, line, message: `items: lists nested deeper than ${MAX_NESTED}` };
  const sequence = isMap(root.node) ? root.node.get("items", true) : undefined;
  for (const [i, item] of items.entries()) {
    const node = isSeq(sequence) ? (sequence.items[i] as YamlNode | undefined) : undefined;
    const at = node === undefined ? line : (root.lineOf?.(node) ?? line);
    if (!isJsonObject(item))
      return { ok: false, line: at, message: `items[${i}]: must be an object` };
    const value = withTypeOf(json, kind.slice(0, -"List".length), item);
    const inner = { ...root, value, line: at };
    const broken = flatten(node === undefined ? inner : { ...inner, node }, objects, depth + 1);
    if (broken !== null) return broken;
  }
  return null;
}

/** An API server leaves kind and version out of what is in a typed list. */
function withTypeOf(list: JsonObject, kind: string, item: JsonObject): JsonObject {
  if (kind === "" || (item["kind"] ?? "") !== "") return item;
  return { ...item, apiVersion: item["apiVersion"] ?? list["apiVersion"], kind };
}
