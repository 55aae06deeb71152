/** Schemas that several operations of the admin API share. */
import { z } from "zod";

import { MESH_NAME_PATTERN, MESH_NAME_RULE } from "../lib/mesh-name.ts";
import { NAME_PATTERN, NAME_RULE } from "../lib/names.ts";
import { MANAGERS } from "../visibility/managed-by.ts";

export const nameSchema = z.string().regex(NAME_PATTERN, NAME_RULE);
export const meshNameSchema = z.string().regex(MESH_NAME_PATTERN, MESH_NAME_RULE);
export const meshParams = z.strictObject({ mesh: meshNameSchema });
export const clusterParams = meshParams.extend({ cluster: nameSchema });

export const refSchema = z.object({ uid: z.string(), name: z.string() }).meta({ id: "ClusterRef" });

export const changedSchema = z
  .object({
    propagated: z.boolean().meta({
      description:
        "Whether every Origin that the change concerns held it when the answer was sent. The rest follows by itself.",
    }),
  })
  .meta({ id: "Changed" });

/** Whose an RCC or grant is: the API's, or its cluster's as a custom resource. [CRD5] */
export const managerSchema = z.enum(MANAGERS);
/**
 * `?managedBy=`: whose it is to be; without it, who does not own the object is refused. Of a
 * deletion: whose it is.
 */
export const managerQuery = z.strictObject({ managedBy: managerSchema.optional() });

/** `?limit=`: how many items an answer has at most, in decimal digits. */
export function limitSchema(most: number, otherwise: number) {
  const rule = `must be a number from 1 to ${most}`;
  return z
    .string()
    .regex(/^[1-9]\d{0,5}$/, rule)
    .transform(Number)
    .refine((limit) => limit <= most, rule)
    .default(otherwise)
    .meta({ type: "integer", minimum: 1, maximum: most, default: otherwise });
}

/** The answer of an operation that lists: `{ items }`. */
export function listSchema<T extends z.ZodType>(item: T) {
  return z.object({ items: z.array(item) });
}
