/** Stored JSON, read by a schema: rows, notes of sockets. */
import type { z } from "zod";

export type ParsedJson<T> =
  | { readonly kind: "value"; readonly value: T }
  | { readonly kind: "unreadable"; readonly rule: string };

export function parseJson<T>(schema: z.ZodType<T>, text: string): ParsedJson<T> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return { kind: "unreadable", rule: "must be JSON" };
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return { kind: "value", value: parsed.data };
  const [issue] = parsed.error.issues;
  return { kind: "unreadable", rule: `${issue?.path.join(".") ?? ""}: ${issue?.message ?? ""}` };
}
