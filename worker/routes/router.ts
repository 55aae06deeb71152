/** Schemas and the router that all resources share. */
import { OpenAPIHono, z } from "@hono/zod-openapi";

import { NAME_PATTERN, NAME_RULE } from "../../shared/lib/names.ts";
import type { Scope, scopeSchema } from "../../shared/visibility/scope.ts";
import { problemSchema, validationHook } from "./problem.ts";

export const nameSchema = z.string().regex(NAME_PATTERN, NAME_RULE);
export const meshParam = z.strictObject({ mesh: nameSchema });
export const clusterParam = z.strictObject({ mesh: nameSchema, cluster: nameSchema });

export const refSchema = z.object({ uid: z.string(), name: z.string() }).openapi("ClusterRef");
export const propagatedSchema = z
  .object({
    propagated: z.boolean().openapi({
      description:
        "Whether every Origin that the change concerns held it when the answer was sent. The rest follows by itself.",
    }),
  })
  .openapi("Changed");

/** A router whose validation errors are problems. */
export function newRouter(): OpenAPIHono {
  return new OpenAPIHono({ defaultHook: validationHook });
}

export function jsonBody<T extends z.ZodType>(
  schema: T,
): {
  readonly required: true;
  readonly content: { readonly "application/json": { readonly schema: T } };
} {
  return { required: true, content: { "application/json": { schema } } };
}

export function jsonAnswer<T extends z.ZodType>(
  description: string,
  schema: T,
): {
  readonly description: string;
  readonly content: { readonly "application/json": { readonly schema: T } };
} {
  return { description, content: { "application/json": { schema } } };
}

/** The answer of every route to what it refuses. */
export const PROBLEMS = {
  default: {
    description: "A problem, with the fields and rules that it is about",
    content: { "application/problem+json": { schema: problemSchema } },
  },
} as const;

export const ADMIN = [{ adminToken: [] }];

export function isoTime(unixMs: number): string {
  return new Date(unixMs).toISOString();
}

/** A scope as answers have it. */
export function viewScope(scope: Scope): z.output<typeof scopeSchema> {
  const { kinds, namespaces, selector, labels } = scope;
  return {
    ...(kinds === undefined ? {} : { kinds: [...kinds] }),
    ...(namespaces === undefined ? {} : { namespaces: [...namespaces] }),
    ...(selector === undefined ? {} : { selector }),
    ...(labels === undefined ? {} : { labels: [...labels] }),
  };
}
