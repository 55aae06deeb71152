/**
 * Entity tags of what people write (RCCs, grants): a change may name the state that it was made
 * from, and is refused where somebody has changed it since. [API60]
 */
import { toHex } from "../../shared/lib/bytes.ts";
import { sha256 } from "../../shared/lib/hash.ts";
import { Refused } from "./outcome.ts";

/** With its quotes, as in the header. @param content Equal contents have equal tags. */
export function entityTag(content: unknown): string {
  const text = JSON.stringify(canonical(content)) ?? "";
  return `"${toHex(sha256(new TextEncoder().encode(text))).slice(0, 32)}"`;
}

/**
 * The `If-Match` header of a request: tags separated by commas, or `*` for whatever is there;
 * `null`: it has none. `undefined`: the change is no request of the admin API.
 */
export type IfMatch = string | null | undefined;

/**
 * @param tag Of what is there; `null`: nothing is.
 * @throws Refused 412
 */
export function requireMatch(wanted: IfMatch, tag: string | null): void {
  if (wanted === null || wanted === undefined) return;
  const tags = wanted.split(",").map((one) => one.trim());
  // A weak one never matches here, as HTTP says.
  if (tag !== null && (tags.includes("*") || tags.includes(tag))) return;
  throw new Refused(
    412,
    "precondition-failed",
    tag === null
      ? "If-Match names a state, and there is nothing of this name"
      : "it was changed since it was read: get it again, and make the change anew",
  );
}

/**
 * Of a change that puts something else in the place of what is there: it names what it replaces,
 * lest it undoes what its author has not seen. Repeating what is there undoes nothing.
 *
 * @param next The tag that it would have.
 * @throws Refused 412, or 428 without `If-Match`
 */
export function requireNamedState(wanted: IfMatch, tag: string | null, next: string | null): void {
  requireMatch(wanted, tag);
  if (wanted !== null || tag === null || tag === next) return;
  throw new Refused(
    428,
    "precondition-required",
    "it is there already, and says something else: get it, and name the state that is replaced by its ETag (If-Match; `*` replaces whatever is there)",
  );
}

/** The order of fields says nothing. */
function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value !== "object" || value === null) return value;
  const fields = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(
    fields.map(([name, inner]: [string, unknown]) => [name, canonical(inner)]),
  );
}
