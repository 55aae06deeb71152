import { parseJson } from "../../../shared/lib/parse-json.ts";

/**
 * JSON values one after the other, with or without white space between, as `kubectl -o json` and
 * `jq -c` write several objects. [SRC48]
 */
export type JsonStream =
  | { readonly ok: true; readonly values: readonly { line: number; value: unknown }[] }
  | {
      readonly ok: false;
      readonly line: number;
      readonly message: string;
      /** Values before the one that is wrong. */
      readonly count: number;
    };

/** @param text With or without a byte order mark. */
export function readJsonStream(text: string): JsonStream {
  const values: { line: number; value: unknown }[] = [];
  let line = 1;
  let counted = 0;
  const lineAt = (at: number): number => {
    for (; counted < at; counted++) if (text[counted] === "\n") line++;
    return line;
  };
  for (let at = skipSpace(text, text.startsWith("\ufeff") ? 1 : 0); at < text.length;) {
    const end = endOfValue(text, at);
    const parsed = parseJson(text.slice(at, end));
    if (!parsed.ok)
      return {
        ok: false,
        line: lineAt(at),
        message: `JSON: ${parsed.message}`,
        count: values.length,
      };
    values.push({ line: lineAt(at), value: parsed.value });
    at = skipSpace(text, end);
  }
  return { ok: true, values };
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (at < text.length && " \t\r\n".includes(text[at] as string)) at++;
  return at;
}

/**
 * Behind the bracket that closes the one at `from`; the end of the text where none does, or where
 * there is none.
 */
function endOfValue(text: string, from: number): number {
  let depth = 0;
  let isText = false;
  for (let at = from; at < text.length; at++) {
    const c = text[at];
    if (isText) {
      if (c === "\\") at++;
      else if (c === '"') isText = false;
    } else if (c === '"') isText = true;
    else if (c === "{" || c === "[") depth++;
    else if ((c === "}" || c === "]") && --depth <= 0) return at + 1;
  }
  return text.length;
}
