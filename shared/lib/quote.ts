/**
 * What a peer sent, for an error's text: total, whatever it is (a bigint, something deeply nested),
 * and short.
 */
export function quote(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.slice(0, 80));
  if (typeof value === "number" || typeof value === "boolean" || value === null)
    return String(value);
  if (typeof value === "bigint") return String(value).slice(0, 40);
  return value === undefined ? "missing" : `a ${Array.isArray(value) ? "list" : typeof value}`;
}
