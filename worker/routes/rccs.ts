/** `/v1/meshes/{mesh}/clusters/{cluster}/rccs`: the documented RemoteClusterConfiguration, as JSON. [VIS22] */
import { createRoute, z } from "@hono/zod-openapi";
import type { OpenAPIHono } from "@hono/zod-openapi";

import { notServed } from "../../shared/visibility/rcc-connection.ts";
import { parseRcc, rccSchema } from "../../shared/visibility/rcc.ts";
import type { RccDocument, RccRequest } from "../../shared/visibility/rcc.ts";
import type { RccView } from "../mesh/rccs.ts";
import type { HubPorts } from "./hub-ports.ts";
import { badRequest, valueOf } from "./problem.ts";
import {
  ADMIN,
  clusterParam,
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
} from "./router.ts";

const viewSchema = z
  .object({
    apiVersion: z.literal("projectcalico.org/v3"),
    kind: z.literal("RemoteClusterConfiguration"),
    metadata: z.object({
      name: z.string(),
      creationTimestamp: z.string(),
      annotations: z.record(z.string(), z.string()),
    }),
    spec: z.record(z.string(), z.unknown()),
    status: z.object({
      remote: refSchema.nullable().openapi({
        description: "The member that it names; null for one with connection fields",
      }),
      state: z.enum(["granted", "not-granted", "not-served"]),
      notServed: z.array(z.object({ field: z.string(), rule: z.string() })).openapi({
        description: "What it asks for and this version of the hub does not do",
      }),
    }),
  })
  .openapi("RemoteClusterConfiguration");
const clusterRccSchema = viewSchema
  .extend({ cluster: refSchema.openapi({ description: "Who wants to see" }) })
  .openapi("ClusterRcc");
const changedSchema = z.object({ rcc: viewSchema }).extend(propagatedSchema.shape);

const BASE = "/v1/meshes/{mesh}/clusters/{cluster}/rccs";
const rccParam = clusterParam.extend({ rcc: nameSchema });

const LINKS = {
  get: linkTo("getRcc", { mesh: "mesh", cluster: "cluster", rcc: "/rcc/metadata/name" }),
  delete: linkTo("deleteRcc", { mesh: "mesh", cluster: "cluster", rcc: "/rcc/metadata/name" }),
};

const create = createRoute({
  operationId: "createRcc",
  summary: "Create an RCC",
  tags: ["RemoteClusterConfigurations"],
  method: "post",
  path: BASE,
  security: ADMIN,
  request: { params: clusterParam, query: NO_QUERY, body: jsonBody(rccSchema) },
  responses: { 201: { ...jsonAnswer("The new RCC", changedSchema), links: LINKS }, ...PROBLEMS },
});
const apply = createRoute({
  operationId: "applyRcc",
  summary: "Create or change an RCC",
  tags: ["RemoteClusterConfigurations"],
  method: "put",
  path: `${BASE}/{rcc}`,
  security: ADMIN,
  request: { params: rccParam, query: NO_QUERY, body: jsonBody(rccSchema) },
  responses: {
    200: jsonAnswer("The RCC as it is now", changedSchema),
    201: jsonAnswer("The new RCC", changedSchema),
    ...PROBLEMS,
  },
});
const list = createRoute({
  operationId: "listRccs",
  summary: "List a cluster's RCCs",
  tags: ["RemoteClusterConfigurations"],
  method: "get",
  path: BASE,
  security: ADMIN,
  request: { params: clusterParam, query: NO_QUERY },
  responses: {
    200: jsonAnswer("RCCs of the cluster, by name", z.object({ items: z.array(viewSchema) })),
    ...PROBLEMS,
  },
});
const listAll = createRoute({
  operationId: "listAllRccs",
  summary: "List the RCCs of all clusters",
  tags: ["RemoteClusterConfigurations"],
  method: "get",
  path: "/v1/meshes/{mesh}/rccs",
  security: ADMIN,
  request: { params: meshParam, query: NO_QUERY },
  responses: {
    200: jsonAnswer(
      "RCCs of all clusters, by cluster and name",
      z.object({ items: z.array(clusterRccSchema) }),
    ),
    ...PROBLEMS,
  },
});
const get = createRoute({
  operationId: "getRcc",
  summary: "Show an RCC",
  tags: ["RemoteClusterConfigurations"],
  method: "get",
  path: `${BASE}/{rcc}`,
  security: ADMIN,
  request: { params: rccParam, query: NO_QUERY },
  responses: { 200: jsonAnswer("The RCC", viewSchema), ...PROBLEMS },
});
const remove = createRoute({
  operationId: "deleteRcc",
  summary: "Delete an RCC",
  tags: ["RemoteClusterConfigurations"],
  method: "delete",
  path: `${BASE}/{rcc}`,
  security: ADMIN,
  request: { params: rccParam, query: NO_QUERY },
  responses: { 200: jsonAnswer("Deleted", propagatedSchema), ...PROBLEMS },
});

export function rccRoutes(ports: HubPorts): OpenAPIHono {
  const router = newRouter();
  router.openapi(create, async (c) => {
    const { mesh, cluster } = c.req.valid("param");
    const request = readRcc(c.req.valid("json"));
    const changed = valueOf(await ports.mesh(mesh).applyRcc(cluster, request, "create"));
    return c.json({ rcc: viewRcc(changed.rcc), propagated: changed.propagated }, 201);
  });
  router.openapi(apply, async (c) => {
    const { mesh, cluster, rcc } = c.req.valid("param");
    const request = readRcc(c.req.valid("json"));
    if (request.name !== rcc)
      badRequest([{ field: "metadata.name", rule: `must be ${rcc}, the name in the path` }], 422);
    const changed = valueOf(await ports.mesh(mesh).applyRcc(cluster, request, "apply"));
    const body = { rcc: viewRcc(changed.rcc), propagated: changed.propagated };
    return changed.isNew ? c.json(body, 201) : c.json(body, 200);
  });
  router.openapi(list, async (c) => {
    const { mesh, cluster } = c.req.valid("param");
    const rccs = valueOf(await ports.mesh(mesh).listRccs(cluster));
    return c.json({ items: rccs.map(viewRcc) }, 200);
  });
  router.openapi(listAll, async (c) => {
    const rccs = valueOf(await ports.mesh(c.req.valid("param").mesh).listAllRccs());
    const items = rccs.map(({ cluster, rcc }) => ({ cluster: { ...cluster }, ...viewRcc(rcc) }));
    return c.json({ items }, 200);
  });
  router.openapi(get, async (c) => {
    const { mesh, cluster, rcc } = c.req.valid("param");
    return c.json(viewRcc(valueOf(await ports.mesh(mesh).getRcc(cluster, rcc))), 200);
  });
  router.openapi(remove, async (c) => {
    const { mesh, cluster, rcc } = c.req.valid("param");
    const { propagated } = valueOf(await ports.mesh(mesh).deleteRcc(cluster, rcc));
    return c.json({ propagated }, 200);
  });
  return router;
}

function readRcc(document: RccDocument): RccRequest {
  const parsed = parseRcc(document);
  return parsed.ok
    ? parsed.rcc
    : badRequest(parsed.problems, parsed.kind === "malformed" ? 400 : 422);
}

function viewRcc(view: RccView): z.output<typeof viewSchema> {
  return {
    apiVersion: "projectcalico.org/v3",
    kind: "RemoteClusterConfiguration",
    metadata: {
      name: view.row.name,
      creationTimestamp: isoTime(view.row.createdMs),
      annotations: { ...view.row.annotations },
    },
    spec: { ...view.row.spec },
    status: {
      remote: view.remote === null ? null : { ...view.remote },
      state: view.state,
      notServed: notServed(view.row.spec).map((what) => ({ ...what })),
    },
  };
}
