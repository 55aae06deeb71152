/** `/v1/meshes`: create, list, get, delete. */
import { createRoute, z } from "@hono/zod-openapi";
import type { OpenAPIHono } from "@hono/zod-openapi";

import { MESH_LIMITS } from "../mesh/registry.ts";
import type { MeshRow } from "../mesh/registry.ts";
import type { HubPorts } from "./hub-ports.ts";
import { HttpProblem, valueOf } from "./problem.ts";
import {
  ADMIN,
  isoTime,
  jsonAnswer,
  jsonBody,
  limitParam,
  linkTo,
  meshParam,
  nameSchema,
  newRouter,
  NO_QUERY,
  PROBLEMS,
  propagatedSchema,
} from "./router.ts";

const meshSchema = z
  .object({ name: z.string(), id: z.string(), createdAt: z.string() })
  .openapi("Mesh");
const auditSchema = z
  .object({ at: z.string(), who: z.string(), action: z.string(), subject: z.string() })
  .openapi("AuditEntry");

const create = createRoute({
  operationId: "createMesh",
  summary: "Make a mesh",
  tags: ["Meshes"],
  method: "post",
  path: "/v1/meshes",
  security: ADMIN,
  request: { query: NO_QUERY, body: jsonBody(z.strictObject({ name: nameSchema })) },
  responses: {
    201: {
      ...jsonAnswer("The new mesh", meshSchema),
      links: {
        get: linkTo("getMesh", { mesh: "/name" }),
        add: linkTo("addCluster", { mesh: "/name" }),
        status: linkTo("getStatus", { mesh: "/name" }),
        delete: linkTo("deleteMesh", { mesh: "/name" }),
      },
    },
    ...PROBLEMS,
  },
});
const list = createRoute({
  operationId: "listMeshes",
  summary: "List the meshes of this hub",
  tags: ["Meshes"],
  method: "get",
  path: "/v1/meshes",
  security: ADMIN,
  request: { query: NO_QUERY },
  responses: {
    200: jsonAnswer("All meshes of this hub, by name", z.object({ items: z.array(meshSchema) })),
    ...PROBLEMS,
  },
});
const get = createRoute({
  operationId: "getMesh",
  summary: "Show a mesh",
  tags: ["Meshes"],
  method: "get",
  path: "/v1/meshes/{mesh}",
  security: ADMIN,
  request: { params: meshParam, query: NO_QUERY },
  responses: { 200: jsonAnswer("The mesh", meshSchema), ...PROBLEMS },
});
const remove = createRoute({
  operationId: "deleteMesh",
  summary: "Delete a mesh with all its clusters",
  tags: ["Meshes"],
  method: "delete",
  path: "/v1/meshes/{mesh}",
  security: ADMIN,
  request: { params: meshParam, query: NO_QUERY },
  responses: {
    200: jsonAnswer("Deleted with all its clusters", propagatedSchema),
    ...PROBLEMS,
  },
});
const confirmRestore = createRoute({
  operationId: "confirmRestore",
  summary: "Confirm what a restored hub permits",
  tags: ["Meshes"],
  method: "post",
  path: "/v1/meshes/{mesh}/confirm-restore",
  security: ADMIN,
  request: { params: meshParam, query: NO_QUERY },
  responses: {
    200: jsonAnswer(
      "What a restored hub permits now is what its operator wants: relays show what they held back",
      propagatedSchema,
    ),
    ...PROBLEMS,
  },
});
const audit = createRoute({
  operationId: "listAudit",
  summary: "Who did what, newest first",
  tags: ["Meshes"],
  method: "get",
  path: "/v1/meshes/{mesh}/audit",
  security: ADMIN,
  request: {
    params: meshParam,
    query: z.strictObject({ limit: limitParam(1000, 100) }),
  },
  responses: {
    200: jsonAnswer("Who did what, newest first", z.object({ items: z.array(auditSchema) })),
    ...PROBLEMS,
  },
});

export function meshRoutes(ports: HubPorts): OpenAPIHono {
  const router = newRouter();
  router.openapi(create, async (c) => {
    const { name } = c.req.valid("json");
    const meshes = await ports.directory().listMeshes();
    if (meshes.length >= MESH_LIMITS.meshes && !meshes.some((mesh) => mesh.name === name))
      throw new HttpProblem(422, "too-many", `a hub has at most ${MESH_LIMITS.meshes} meshes`);
    const outcome = await ports.mesh(name).createMesh(name);
    // Noted also when the mesh was there before: an earlier create may have ended between the two.
    const row = outcome.ok ? outcome : await ports.mesh(name).getMesh();
    if (row.ok) await ports.directory().noteMesh(name, row.value.id, row.value.createdMs);
    return c.json(viewMesh(valueOf(outcome)), 201);
  });
  router.openapi(list, async (c) => {
    const meshes = await ports.directory().listMeshes();
    return c.json(
      {
        items: meshes.map(({ name, id, createdMs }) => ({
          name,
          id,
          createdAt: isoTime(createdMs),
        })),
      },
      200,
    );
  });
  router.openapi(get, async (c) =>
    c.json(viewMesh(valueOf(await ports.mesh(c.req.valid("param").mesh).getMesh())), 200),
  );
  router.openapi(remove, async (c) => {
    const { mesh } = c.req.valid("param");
    const outcome = await ports.mesh(mesh).deleteMesh();
    // Forgotten also when it was gone before: an earlier delete may have ended between the two.
    if (outcome.ok || outcome.refusal.status === 404) await ports.directory().forgetMesh(mesh);
    return c.json({ propagated: valueOf(outcome).propagated }, 200);
  });
  router.openapi(confirmRestore, async (c) => {
    const { propagated } = valueOf(await ports.mesh(c.req.valid("param").mesh).confirmRestore());
    return c.json({ propagated }, 200);
  });
  router.openapi(audit, async (c) => {
    const rows = valueOf(
      await ports.mesh(c.req.valid("param").mesh).audit(c.req.valid("query").limit),
    );
    return c.json({ items: rows.map(({ atMs, ...row }) => ({ at: isoTime(atMs), ...row })) }, 200);
  });
  return router;
}

function viewMesh(row: MeshRow): z.output<typeof meshSchema> {
  return { name: row.name, id: row.id, createdAt: isoTime(row.createdMs) };
}
