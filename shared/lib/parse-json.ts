import { errorText } from "./error-text.ts";

export type ParsedJson =
  | { readonly ok: true; readonly value: unknown }
  /** `message`: the parser's own words, for people. */
  | { readonly ok: false; readonly message: string };

/** The one way from text to JSON: what it is must still be read field by field. */
export function parseJson(text: string): ParsedJson {
  try {
    return { ok: true, value: JSON.parse(text) };
  } catch (error) {
    return { ok: false, message: errorText(error) };
  }
}
