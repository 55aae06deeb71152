/** `?limit=` and `?cursor=` of operations that list: a part, and where the next one begins. */
import { z } from "zod";

const MOST = 1_000;
const rule = `must be a number from 1 to ${MOST}`;

/** Without `limit` all items come. A cursor is what an answer's `next` said. [API61] */
export const pageFields = {
  limit: z
    .string()
    .regex(/^[1-9]\d{0,3}$/, rule)
    .transform(Number)
    .refine((limit) => limit <= MOST, rule)
    .optional()
    .meta({ type: "integer", minimum: 1, maximum: MOST }),
  cursor: z
    .string()
    .regex(/^[a-z0-9-]{1,64}(\/[a-z0-9-]{1,64})?$/, "must be the `next` of an answer")
    .optional()
    .meta({ description: "Items after this one: the `next` of the answer before" }),
} as const;
export const pageQuery = z.strictObject(pageFields);

export interface Page {
  readonly limit?: number | undefined;
  readonly cursor?: string | undefined;
}

/** The answer of an operation that lists in parts. */
export function pagedSchema<T extends z.ZodType>(item: T) {
  return z.object({
    items: z.array(item),
    next: z.string().nullable().default(null).meta({
      description: "`cursor` of the next part; null: there is none",
    }),
  });
}

/** Names first, part by part: a dash in the first is not before the end of it. */
export function orderOf(id: string): string {
  return id.replace("/", "\u0000");
}

/**
 * The part of a list after the cursor. An item that is gone meanwhile is no gap: the order goes on
 * after where it was.
 * @param items In the order of their ids.
 */
export function pageOf<T>(
  items: readonly T[],
  idOf: (item: T) => string,
  { limit, cursor }: Page,
): { readonly items: T[]; readonly next: string | null } {
  const after = cursor === undefined ? null : orderOf(cursor);
  const rest = after === null ? items : items.filter((item) => orderOf(idOf(item)) > after);
  const part = rest.slice(0, limit ?? rest.length);
  const last = part.at(-1);
  const hasMore = last !== undefined && part.length < rest.length;
  return { items: [...part], next: hasMore ? idOf(last) : null };
}
