/** `/v1/meshes/{mesh}/grants`: which cluster lets which other read it, and what of it. [VIS23] [SCP3] */
import { createRoute, z } from "@hono/zod-openapi";
import type { OpenAPIHono } from "@hono/zod-openapi";

import { parseScope, scopeSchema } from "../../shared/visibility/scope.ts";
import type { Scope } from "../../shared/visibility/scope.ts";
import type { GrantView } from "../mesh/grants.ts";
import type { HubPorts } from "./hub-ports.ts";
import { badRequest, valueOf } from "./problem.ts";
import {
  ADMIN,
  isoTime,
  jsonAnswer,
  jsonBody,
  linkTo,
  meshParam,
  nameSchema,
  newRouter,
  NO_QUERY,
  PROBLEMS,
  propagatedSchema,
  refSchema,
  viewScope,
} from "./router.ts";

const grantedScope = scopeSchema.optional().openapi({
  description: "What of the origin the reader sees; without it, or if it narrows nothing: all",
});
const grantSchema = z
  .object({
    origin: refSchema,
    reader: refSchema,
    createdAt: z.string(),
    used: z
      .boolean()
      .openapi({ description: "Whether the reader has an RCC that names the origin" }),
    scope: grantedScope,
  })
  .openapi("Grant");

const changedSchema = z.object({ grant: grantSchema }).extend(propagatedSchema.shape);

const pairParam = meshParam.extend({ origin: nameSchema, reader: nameSchema });

const create = createRoute({
  operationId: "createGrant",
  summary: "Let a cluster see another",
  tags: ["Grants"],
  method: "post",
  path: "/v1/meshes/{mesh}/grants",
  security: ADMIN,
  request: {
    params: meshParam,
    query: NO_QUERY,
    body: jsonBody(z.strictObject({ origin: nameSchema, reader: nameSchema, scope: grantedScope })),
  },
  responses: {
    201: {
      ...jsonAnswer("The grant; repeating one changes nothing", changedSchema),
      links: {
        delete: linkTo("deleteGrant", {
          mesh: "mesh",
          origin: "/grant/origin/name",
          reader: "/grant/reader/name",
        }),
      },
    },
    ...PROBLEMS,
  },
});
const list = createRoute({
  operationId: "listGrants",
  summary: "List grants",
  tags: ["Grants"],
  method: "get",
  path: "/v1/meshes/{mesh}/grants",
  security: ADMIN,
  request: { params: meshParam, query: z.strictObject({ origin: nameSchema.optional() }) },
  responses: {
    200: jsonAnswer("Grants", z.object({ items: z.array(grantSchema) })),
    ...PROBLEMS,
  },
});
const apply = createRoute({
  operationId: "applyGrant",
  summary: "Create, narrow or widen a grant",
  tags: ["Grants"],
  method: "put",
  path: "/v1/meshes/{mesh}/grants/{origin}/{reader}",
  security: ADMIN,
  request: {
    params: pairParam,
    query: NO_QUERY,
    body: jsonBody(z.strictObject({ scope: grantedScope })),
  },
  responses: {
    200: jsonAnswer("The grant as it is now", changedSchema),
    201: jsonAnswer("The new grant", changedSchema),
    ...PROBLEMS,
  },
});
const remove = createRoute({
  operationId: "deleteGrant",
  summary: "Take a grant away",
  tags: ["Grants"],
  method: "delete",
  path: "/v1/meshes/{mesh}/grants/{origin}/{reader}",
  security: ADMIN,
  request: { params: pairParam, query: NO_QUERY },
  responses: { 200: jsonAnswer("Revoked", propagatedSchema), ...PROBLEMS },
});

export function grantRoutes(ports: HubPorts): OpenAPIHono {
  const router = newRouter();
  router.openapi(create, async (c) => {
    const { origin, reader, scope } = c.req.valid("json");
    const mesh = ports.mesh(c.req.valid("param").mesh);
    const made = valueOf(await mesh.createGrant(origin, reader, readScope(scope)));
    return c.json({ grant: viewGrant(made.grant), propagated: made.propagated }, 201);
  });
  router.openapi(apply, async (c) => {
    const { mesh, origin, reader } = c.req.valid("param");
    requireBody(c.req.header("content-type"));
    const scope = readScope(c.req.valid("json").scope);
    const made = valueOf(await ports.mesh(mesh).applyGrant(origin, reader, scope));
    const body = { grant: viewGrant(made.grant), propagated: made.propagated };
    return made.isNew ? c.json(body, 201) : c.json(body, 200);
  });
  router.openapi(list, async (c) => {
    const { origin } = c.req.valid("query");
    const grants = valueOf(await ports.mesh(c.req.valid("param").mesh).listGrants(origin ?? null));
    return c.json({ items: grants.map(viewGrant) }, 200);
  });
  router.openapi(remove, async (c) => {
    const { mesh, origin, reader } = c.req.valid("param");
    const { propagated } = valueOf(await ports.mesh(mesh).deleteGrant(origin, reader));
    return c.json({ propagated }, 200);
  });
  return router;
}

/** A request without a body would count as `{}`: all of the origin. */
function requireBody(contentType: string | undefined): void {
  if (contentType === undefined)
    badRequest([{ field: "body", rule: "must be a JSON object; {} grants all of the origin" }]);
}

/** What the schema has let through is malformed no more: what is left to refuse is a selector. */
function readScope(value: z.output<typeof scopeSchema> | undefined): Scope | null {
  const parsed = parseScope(value ?? {});
  return parsed.ok ? parsed.scope : badRequest(parsed.problems, 422);
}

function viewGrant(view: GrantView): z.output<typeof grantSchema> {
  return {
    origin: { ...view.origin },
    reader: { ...view.reader },
    createdAt: isoTime(view.createdMs),
    used: view.isUsed,
    ...(view.scope === null ? {} : { scope: viewScope(view.scope) }),
  };
}
