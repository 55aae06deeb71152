/**
 * A file's text → the objects in it, with their lines. YAML 1.2 (JSON is YAML), several documents, `List`s of objects.
 * A broken document breaks its file: half a file is not what its author meant. [SRC40]
 */
import { isMap, isSeq, LineCounter, parseAllDocuments } from "yaml";
import type { Node as YamlNode } from "yaml";

import { isJsonObject } from "../convert/kube-object.ts";

export interface LocatedObject {
  /** Line of the object's first token in its file, from 1. */
  readonly line: number;
  readonly json: Readonly<Record<string, unknown>>;
}

export type ReadDocuments =
  | { readonly ok: true; readonly objects: readonly LocatedObject[] }
  | { readonly ok: false; readonly line: number; readonly message: string };

/** What an API server would refuse is an error of the file: text, objects, and a name where records need one. Nested `List`s are not a thing; aliases that expand without end are refused by the parser's own bound. */
export function readDocuments(text: string): ReadDocuments {
  const lines = new LineCounter();
  const parsed = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false });
  // Text without any document (only comments) gives an empty list with extras.
  const documents = Array.isArray(parsed) ? parsed : [];
  const objects: LocatedObject[] = [];
  for (const document of documents) {
    const [error] = document.errors;
    if (error !== undefined)
      return { ok: false, line: lines.linePos(error.pos[0]).line, message: error.message };
    const root = document.contents as YamlNode | null;
    if (root === null) continue;
    const lineOf = (node: YamlNode | null | undefined): number =>
      lines.linePos(node?.range?.[0] ?? root.range?.[0] ?? 0).line;
    let json: unknown;
    try {
      json = document.toJS({ maxAliasCount: 100 });
    } catch (cause) {
      return {
        ok: false,
        line: lineOf(root),
        message: cause instanceof Error ? cause.message : String(cause),
      };
    }
    if (json === null) continue;
    if (!isJsonObject(json))
      return { ok: false, line: lineOf(root), message: "document: must be an object" };
    if (
      typeof json["kind"] !== "string" ||
      !json["kind"].endsWith("List") ||
      json["items"] === undefined
    ) {
      objects.push({ line: lineOf(root), json });
      continue;
    }
    const items: unknown = json["items"] ?? [];
    if (!Array.isArray(items))
      return { ok: false, line: lineOf(root), message: "items: must be a list" };
    const sequence = isMap(root) ? root.get("items", true) : undefined;
    for (const [i, item] of items.entries()) {
      const node = isSeq(sequence) ? (sequence.items[i] as YamlNode | undefined) : undefined;
      if (!isJsonObject(item))
        return { ok: false, line: lineOf(node), message: `items[${i}]: must be an object` };
      objects.push({ line: lineOf(node), json: item });
    }
  }
  return { ok: true, objects };
}
