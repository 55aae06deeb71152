/** Schemas and the router that all resources share. */
import { OpenAPIHono, z } from "@hono/zod-openapi";

import { NAME_PATTERN, NAME_RULE } from "../../shared/lib/names.ts";
import type { Scope, scopeSchema } from "../../shared/visibility/scope.ts";
import { problemSchema, validationHook } from "./problem.ts";

export const nameSchema = z.string().regex(NAME_PATTERN, NAME_RULE);
export const meshParam = z.strictObject({ mesh: nameSchema });
export const clusterParam = z.strictObject({ mesh: nameSchema, cluster: nameSchema });

/**
 * A parameter that means nothing here may have been meant to keep something from happening: it is
 * refused. [API10]
 */
export const NO_QUERY = z.strictObject({});

/** `?limit=`: how many items an answer has at most, in decimal digits. */
export function limitParam(most: number, otherwise: number) {
  return z
    .string()
    .regex(/^[1-9]\d{0,5}$/, `must be a number from 1 to ${most}`)
    .transform(Number)
    .refine((limit) => limit <= most, `must be a number from 1 to ${most}`)
    .default(otherwise)
    .openapi({ type: "integer", minimum: 1, maximum: most, default: otherwise });
}

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
  400: problem("Malformed: a wrong type, a missing or unknown field or query parameter"),
  401: problem("Not authenticated"),
  404: problem("There is no such mesh, cluster, RCC or grant"),
  409: problem("In the way of what is there"),
  422: problem("Well formed, and breaks a rule between fields or of the mesh"),
  default: problem("A problem, with the fields and rules that it is about"),
} as const;

function problem(description: string) {
  return {
    description,
    content: { "application/problem+json": { schema: problemSchema } },
  };
}

/**
 * An OpenAPI link: which answer names the resource of which other operation.
 * @param parameters Name → pointer into the answer's body.
 */
export function linkTo(operationId: string, parameters: Readonly<Record<string, string>>) {
  const expressions = Object.entries(parameters).map(([name, from]) => [
    name,
    from.startsWith("/") ? `$response.body#${from}` : `$request.path.${from}`,
  ]);
  return { operationId, parameters: Object.fromEntries(expressions) as Record<string, string> };
}

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
