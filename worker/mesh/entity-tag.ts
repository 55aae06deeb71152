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
 * @param wanted The `If-Match` header: tags separated by commas, or `*` for whatever is there;
 *   `null`: there is none.
 * @param tag Of what is there; `null`: nothing is.
 * @throws Refused 412
 */
export function requireMatch(wanted: string | null, tag: string | null): void {
  if (wanted === null) return;
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

/** The order of fields says nothing. */
function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value !== "object" || value === null) return value;
  const fields = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(
    fields.map(([name, inner]: [string, unknown]) => [name, canonical(inner)]),
  );
}
