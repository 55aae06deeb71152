/** `/v1/meshes/{mesh}/clusters`: members and their join tokens. */
import { createRoute, z } from "@hono/zod-openapi";
import type { OpenAPIHono } from "@hono/zod-openapi";

import type { ClusterView } from "../mesh/mesh-calls.ts";
import type { HubPorts } from "./hub-ports.ts";
import { valueOf } from "./problem.ts";
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
} from "./router.ts";

const clusterSchema = z
  .object({
    uid: z.string(),
    name: z.string(),
    createdAt: z.string(),
    joined: z.boolean().openapi({ description: "Whether a relay has used a join token" }),
    keyGeneration: z.number().int(),
    ranges: z.object({
      pods: z.array(z.string()),
      nodes: z.array(z.string()),
      shared: z.array(z.string()).openapi({ description: "Other clusters may have them too" }),
    }),
    pools: z.array(z.string()).openapi({
      description: "The cluster's own IP pools, as its relay tells them; at most 64",
    }),
    rangesGivenByOperator: z.array(z.string()),
    refusedClaims: z.array(z.object({ cidr: z.string(), use: z.string(), reason: z.string() })),
  })
  .openapi("Cluster");
const tokenSchema = z
  .object({
    joinToken: z.string().openapi({ description: "Shown once; the hub keeps its hash" }),
    expiresAt: z.string(),
  })
  .openapi("JoinToken");

const ranges = z.array(z.string().max(64)).max(4096);
const rangesSchema = {
  cidrs: ranges.optional().openapi({ description: "Pod ranges" }),
  nodeCidrs: ranges.optional().openapi({ description: "Ranges of nodes and host endpoints" }),
  sharedCidrs: ranges.optional().openapi({
    description: "Ranges of pods and nodes that other clusters may be given too",
  }),
};
/** A body that is not there reads as `{}`, which must not pass for a change. */
const someRangesSchema = z
  .strictObject(rangesSchema)
  .refine((given) => Object.keys(given).length > 0, {
    error: "must have at least one of the ranges",
    // A field that nobody knows is what is wrong then.
    when: ({ issues }) => issues.length === 0,
  })
  .openapi({ minProperties: 1 });
const create = createRoute({
  operationId: "addCluster",
  summary: "Add a member and get its join token",
  tags: ["Clusters"],
  method: "post",
  path: "/v1/meshes/{mesh}/clusters",
  security: ADMIN,
  request: {
    params: meshParam,
    query: NO_QUERY,
    body: jsonBody(z.strictObject({ name: nameSchema, ...rangesSchema })),
  },
  responses: {
    201: {
      ...jsonAnswer(
        "The new member and its join token",
        z
          .object({ cluster: clusterSchema })
          .extend(tokenSchema.shape)
          .extend(propagatedSchema.shape),
      ),
      links: {
        get: linkTo("getCluster", { mesh: "mesh", cluster: "/cluster/name" }),
        view: linkTo("getView", { mesh: "mesh", cluster: "/cluster/name" }),
        remove: linkTo("removeCluster", { mesh: "mesh", cluster: "/cluster/name" }),
      },
    },
    ...PROBLEMS,
  },
});
const list = createRoute({
  operationId: "listClusters",
  summary: "List the members",
  tags: ["Clusters"],
  method: "get",
  path: "/v1/meshes/{mesh}/clusters",
  security: ADMIN,
  request: { params: meshParam, query: NO_QUERY },
  responses: {
    200: jsonAnswer("Members, by name", z.object({ items: z.array(clusterSchema) })),
    ...PROBLEMS,
  },
});
const get = createRoute({
  operationId: "getCluster",
  summary: "Show a member",
  tags: ["Clusters"],
  method: "get",
  path: "/v1/meshes/{mesh}/clusters/{cluster}",
  security: ADMIN,
  request: { params: clusterParam, query: NO_QUERY },
  responses: { 200: jsonAnswer("The member", clusterSchema), ...PROBLEMS },
});
const setRanges = createRoute({
  operationId: "setClusterRanges",
  summary: "Give a member other ranges",
  tags: ["Clusters"],
  method: "patch",
  path: "/v1/meshes/{mesh}/clusters/{cluster}",
  security: ADMIN,
  request: {
    params: clusterParam,
    query: NO_QUERY,
    body: jsonBody(someRangesSchema),
  },
  responses: {
    200: jsonAnswer(
      "The member with its ranges as they are now",
      z.object({ cluster: clusterSchema }).extend(propagatedSchema.shape),
    ),
    ...PROBLEMS,
  },
});
const remove = createRoute({
  operationId: "removeCluster",
  summary: "Remove a member with its RCCs and grants",
  tags: ["Clusters"],
  method: "delete",
  path: "/v1/meshes/{mesh}/clusters/{cluster}",
  security: ADMIN,
  request: { params: clusterParam, query: NO_QUERY },
  responses: {
    200: jsonAnswer("Removed with its RCCs and grants, and those naming it", propagatedSchema),
    ...PROBLEMS,
  },
});
const token = createRoute({
  operationId: "createJoinToken",
  summary: "Make a further join token",
  tags: ["Clusters"],
  method: "post",
  path: "/v1/meshes/{mesh}/clusters/{cluster}/token",
  security: ADMIN,
  request: { params: clusterParam, query: NO_QUERY },
  responses: { 201: jsonAnswer("A further join token", tokenSchema), ...PROBLEMS },
});

export function clusterRoutes(ports: HubPorts): OpenAPIHono {
  const router = newRouter();
  router.openapi(create, async (c) => {
    const { name, ...given } = c.req.valid("json");
    const mesh = ports.mesh(c.req.valid("param").mesh);
    const added = valueOf(await mesh.addCluster(name, given));
    await ensureListed(ports, c.req.valid("param").mesh);
    return c.json(
      {
        cluster: viewCluster(added.cluster),
        joinToken: added.token.joinToken,
        expiresAt: isoTime(added.token.expiresMs),
        propagated: added.propagated,
      },
      201,
    );
  });
  router.openapi(list, async (c) => {
    const clusters = valueOf(await ports.mesh(c.req.valid("param").mesh).listClusters());
    return c.json({ items: clusters.map(viewCluster) }, 200);
  });
  router.openapi(get, async (c) => {
    const { mesh, cluster } = c.req.valid("param");
    return c.json(viewCluster(valueOf(await ports.mesh(mesh).getCluster(cluster))), 200);
  });
  router.openapi(setRanges, async (c) => {
    const { mesh, cluster } = c.req.valid("param");
    const set = valueOf(await ports.mesh(mesh).setRanges(cluster, c.req.valid("json")));
    return c.json({ cluster: viewCluster(set.cluster), propagated: set.propagated }, 200);
  });
  router.openapi(remove, async (c) => {
    const { mesh, cluster } = c.req.valid("param");
    const { propagated } = valueOf(await ports.mesh(mesh).removeCluster(cluster));
    return c.json({ propagated }, 200);
  });
  router.openapi(token, async (c) => {
    const { mesh, cluster } = c.req.valid("param");
    const made = valueOf(await ports.mesh(mesh).newToken(cluster));
    await ensureListed(ports, mesh);
    return c.json({ joinToken: made.joinToken, expiresAt: isoTime(made.expiresMs) }, 201);
  });
  return router;
}

/**
 * A token is good where its mesh is listed; the request that made the mesh may have ended before it
 * listed it. [CRE17]
 */
async function ensureListed(ports: HubPorts, name: string): Promise<void> {
  if (await ports.directory().hasMesh(name)) return;
  const { id, createdMs } = valueOf(await ports.mesh(name).getMesh());
  await ports.directory().noteMesh(name, id, createdMs);
}

function viewCluster(view: ClusterView): z.output<typeof clusterSchema> {
  return {
    uid: view.uid,
    name: view.name,
    createdAt: isoTime(view.createdMs),
    joined: view.joined,
    keyGeneration: view.keyGeneration,
    ranges: {
      pods: [...view.ranges.pods],
      nodes: [...view.ranges.nodes],
      shared: [...(view.ranges.shared ?? [])],
    },
    pools: [...view.pools],
    rangesGivenByOperator: [...view.given],
    refusedClaims: view.refusedClaims.map((claim) => ({ ...claim })),
  };
}
