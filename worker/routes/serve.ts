/**
 * The hub's side of an operation of `shared/api`: its route, with its part of the OpenAPI document.
 */
import { createRoute, OpenAPIHono } from "@hono/zod-openapi";
import type { RouteConfig } from "@hono/zod-openapi";
import { z } from "zod";

import type {
  AnswerOf,
  GivenOf,
  Link,
  Operation,
  Success,
  SuccessStatus,
} from "../../shared/api/operation.ts";
import type { MiddlewareHandler } from "hono";

import { problemSchema } from "../../shared/api/problem.ts";
import { callerOf, requireOwnCluster, requireRole } from "./authorize.ts";
import { badRequest, validationHook } from "./problem.ts";

export interface Served<T> {
  readonly status: SuccessStatus;
  readonly body: T;
  /** Absent: it has none. */
  readonly etag?: string;
}

export function ok<T>(body: T, etag?: string): Served<T> {
  return { status: 200, body, ...(etag === undefined ? {} : { etag }) };
}

export function created<T>(body: T, etag?: string): Served<T> {
  return { ...ok(body, etag), status: 201 };
}

/** Who asks, for the audit, and the headers of the request. */
export interface AskedBy {
  readonly who: string;
  readonly headers: Headers;
  /** `null`: it names no state. */
  readonly ifMatch: string | null;
  /** The owner of one cluster: what others have is not told. */
  readonly isOwner: boolean;
}

/** A router whose validation errors are problems. */
export function newRouter(): OpenAPIHono {
  return new OpenAPIHono({ defaultHook: validationHook });
}

/**
 * Adds the route. What is malformed is answered before `handle` is called.
 * @param handle Throws `HttpProblem` for what it refuses.
 */
export function serve<O extends Operation>(
  router: OpenAPIHono,
  operation: O,
  handle: (given: GivenOf<O>, by: AskedBy) => Promise<Served<AnswerOf<O>>>,
): void {
  const allowed: MiddlewareHandler = async (c, next) => {
    requireRole(c, operation);
    await next();
  };
  router.openapi(createRoute({ ...routeOf(operation), middleware: [allowed] }), async (c) => {
    // Hono reads a body that is not there as `{}`, which might mean everything.
    if (operation.body !== null && c.req.header("content-type") === undefined)
      badRequest([{ field: "body", rule: "must be a JSON object" }]);
    // Hono has checked them by the operation's own schemas; its types do not know which.
    const valid = (target: string): unknown => c.req.valid(target as never);
    const given = {
      params: valid("param"),
      query: valid("query"),
      body: operation.body === null ? undefined : valid("json"),
    } as GivenOf<O>;
    requireOwnCluster(c, operation.owner, { ...given });
    const caller = callerOf(c);
    const [who, isOwner] = [caller?.who ?? "anyone", caller?.role === "owner"];
    const { headers } = c.req.raw;
    const ifMatch = headers.get("if-match");
    if (ifMatch !== null && !takesTag(operation))
      badRequest([{ field: "if-match", rule: "means nothing here" }]);
    const { status, body, etag } = await handle(given, { who, headers, ifMatch, isOwner });
    if (etag !== undefined) c.header("etag", etag);
    return c.json(body, status);
  });
}

function takesTag({ tags }: Operation): boolean {
  return tags === "takes" || tags === "both";
}

/** A tag, or several: what is no tag matches nothing. */
const ifMatchHeaders = z.object({
  "if-match": z.string().max(1_000).optional().meta({
    description:
      "The ETag of the state that the change is made from; 412 where it is another. A PUT that replaces what is there needs it (428)",
  }),
});

const keyHeaders = z.object({
  "idempotency-key": z
    .string()
    .regex(/^[\x21-\x7e]{1,255}$/)
    .optional()
    .meta({
      description:
        "Repeated with it within a day, the request gets the same answer and is not made again; 422 with another body",
    }),
});

function headersOf(operation: Operation) {
  if (takesTag(operation)) return { headers: ifMatchHeaders };
  const isOfMesh = operation.method === "post" && operation.path.startsWith("/v1/meshes/{mesh}/");
  return isOfMesh ? { headers: keyHeaders } : {};
}

function routeOf(operation: Operation): RouteConfig {
  const { id, summary, tag, method, path, access, owner, params, query, body, answer } = operation;
  const successes = Object.entries(operation.successes).map(([status, success]) => [
    status,
    { ...jsonOf(answer, success.description), ...linksOf(success), ...tagOf(operation) },
  ]);
  return {
    operationId: id,
    summary,
    tags: [tag],
    method,
    path,
    ...(access === "anyone"
      ? {}
      : { security: [{ adminToken: [] }], description: whoMay(access, owner) }),
    request: {
      params: params as never,
      query: query as never,
      ...headersOf(operation),
      ...(body === null
        ? {}
        : { body: { required: true, content: { "application/json": { schema: body } } } }),
    },
    responses: { ...Object.fromEntries(successes), ...PROBLEMS },
  };
}

/** In words. */
function whoMay(access: Operation["access"], owner: Operation["owner"]): string {
  const role = access === "hub" ? "the hub's own token" : `role ${access}`;
  return `Needs ${role}${owner === null ? "" : ", or the owner of the cluster"}.`;
}

function tagOf({ tags }: Operation) {
  if (tags === "none" || tags === "takes") return {};
  return {
    headers: { ETag: { schema: { type: "string" as const }, description: "For `If-Match`" } },
  };
}

function jsonOf(schema: Operation["answer"], description: string) {
  return { description, content: { "application/json": { schema } } };
}

function linksOf({ links }: Success) {
  if (links === undefined) return {};
  const written = Object.entries(links).map(([name, link]) => [name, linkOf(link)]);
  return { links: Object.fromEntries(written) };
}

function linkOf({ operationId, parameters }: Link) {
  const expressions = Object.entries(parameters).map(([name, from]) => [
    name,
    from.startsWith("/") ? `$response.body#${from}` : `$request.path.${from}`,
  ]);
  return { operationId, parameters: Object.fromEntries(expressions) };
}

/** The answers of every route to what it refuses. */
const PROBLEMS = {
  400: problem("Malformed: a wrong type, a missing or unknown field or query parameter"),
  401: problem("Not authenticated"),
  403: problem("The token's role may not do this"),
  404: problem("There is no such mesh, cluster, RCC or grant"),
  409: problem("In the way of what is there"),
  412: problem("It was changed since it was read"),
  422: problem("Well formed, and breaks a rule between fields or of the mesh"),
  428: problem("It would replace what is there, without If-Match"),
  default: problem("A problem, with the fields and rules that it is about"),
} as const;

function problem(description: string) {
  return {
    description,
    content: { "application/problem+json": { schema: problemSchema } },
  };
}
