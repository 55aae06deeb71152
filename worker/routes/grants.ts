/** `/v1/meshes/{mesh}/grants`: which cluster lets which other read it. [VIS23] */
import { createRoute, z } from "@hono/zod-openapi";
import type { OpenAPIHono } from "@hono/zod-openapi";

import type { GrantView } from "../mesh/edges.ts";
import type { HubPorts } from "./hub-ports.ts";
import { valueOf } from "./problem.ts";
import {
  ADMIN,
  isoTime,
  jsonAnswer,
  jsonBody,
  meshParam,
  nameSchema,
  newRouter,
  PROBLEMS,
  propagatedSchema,
  refSchema,
} from "./router.ts";

const grantSchema = z
  .object({
    origin: refSchema,
    reader: refSchema,
    createdAt: z.string(),
    used: z
      .boolean()
      .openapi({ description: "Whether the reader has an RCC that names the origin" }),
  })
  .openapi("Grant");

const create = createRoute({
  method: "post",
  path: "/v1/meshes/{mesh}/grants",
  security: ADMIN,
  request: {
    params: meshParam,
    body: jsonBody(z.strictObject({ origin: nameSchema, reader: nameSchema })),
  },
  responses: {
    201: jsonAnswer(
      "The grant; repeating one changes nothing",
      z.object({ grant: grantSchema }).extend(propagatedSchema.shape),
    ),
    ...PROBLEMS,
  },
});
const list = createRoute({
  method: "get",
  path: "/v1/meshes/{mesh}/grants",
  security: ADMIN,
  request: { params: meshParam, query: z.strictObject({ origin: nameSchema.optional() }) },
  responses: {
    200: jsonAnswer("Grants", z.object({ items: z.array(grantSchema) })),
    ...PROBLEMS,
  },
});
const remove = createRoute({
  method: "delete",
  path: "/v1/meshes/{mesh}/grants/{origin}/{reader}",
  security: ADMIN,
  request: { params: meshParam.extend({ origin: nameSchema, reader: nameSchema }) },
  responses: { 200: jsonAnswer("Revoked", propagatedSchema), ...PROBLEMS },
});

export function grantRoutes(ports: HubPorts): OpenAPIHono {
  const router = newRouter();
  router.openapi(create, async (c) => {
    const { origin, reader } = c.req.valid("json");
    const mesh = ports.mesh(c.req.valid("param").mesh);
    const { grant, propagated } = valueOf(await mesh.createGrant(origin, reader));
    return c.json({ grant: viewGrant(grant), propagated }, 201);
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

function viewGrant(view: GrantView): z.output<typeof grantSchema> {
  return {
    origin: { ...view.origin },
    reader: { ...view.reader },
    createdAt: isoTime(view.createdMs),
    used: view.isUsed,
  };
}
