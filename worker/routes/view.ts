/** `/v1/meshes/{mesh}/clusters/{cluster}/view`: what a cluster is permitted to see, read by an admin as that cluster would. [API6] */
import { createRoute, z } from "@hono/zod-openapi";
import type { OpenAPIHono } from "@hono/zod-openapi";

import { originObjectName } from "../ports.ts";
import { requireUpgrade, withInternalHeaders } from "./forward.ts";
import type { HubPorts } from "./hub-ports.ts";
import { HttpProblem, valueOf } from "./problem.ts";
import {
  ADMIN,
  clusterParam,
  jsonAnswer,
  newRouter,
  NO_QUERY,
  PROBLEMS,
  refSchema,
} from "./router.ts";

const viewSchema = z
  .object({
    accessVersion: z.number(),
    cluster: refSchema,
    origins: z.array(
      z.object({
        rcc: z.string().nullable().openapi({ description: "null for the cluster itself" }),
        origin: refSchema,
        labels: z.enum(["original", "prefixed"]).openapi({
          description: "prefixed: rules see label keys with the RCC's name in them",
        }),
        watch: z.string().openapi({ description: "Path of a WebSocket that reads this origin" }),
      }),
    ),
  })
  .openapi("View");

const view = createRoute({
  operationId: "getView",
  summary: "The origins that a cluster may see",
  tags: ["Status"],
  method: "get",
  path: "/v1/meshes/{mesh}/clusters/{cluster}/view",
  security: ADMIN,
  request: { params: clusterParam, query: NO_QUERY },
  responses: { 200: jsonAnswer("The origins that the cluster may see", viewSchema), ...PROBLEMS },
});

export function viewRoutes(ports: HubPorts): OpenAPIHono {
  const router = newRouter();
  router.openapi(view, async (c) => {
    const { mesh, cluster } = c.req.valid("param");
    const seen = valueOf(await ports.mesh(mesh).viewOf(cluster));
    return c.json(
      {
        accessVersion: seen.accessVersion,
        cluster: { ...seen.cluster },
        origins: seen.origins.map(({ rcc, origin, labels }) => ({
          rcc,
          origin: { ...origin },
          labels,
          watch: `/v1/meshes/${mesh}/clusters/${cluster}/view/${origin.uid}`,
        })),
      },
      200,
    );
  });
  // Not in the OpenAPI document: it has no words for WebSockets; the protocol is in SPEC.md.
  router.get("/v1/meshes/:mesh/clusters/:cluster/view/:originUid", async (c) => {
    requireUpgrade(c.req.raw);
    const { mesh, cluster, originUid } = c.req.param();
    const seen = valueOf(await ports.mesh(mesh).viewOf(cluster));
    if (!seen.origins.some(({ origin }) => origin.uid === originUid))
      throw new HttpProblem(404, "no-such-origin", `cluster ${cluster} sees no such origin`);
    const forwarded = withInternalHeaders(c.req.raw, {
      role: "admin",
      clusterUid: seen.cluster.uid,
      keyGeneration: "0",
      meshId: seen.mesh.id,
      meshName: seen.mesh.name,
      originUid,
    });
    return ports.origin(originObjectName(seen.mesh.id, originUid)).fetch(forwarded);
  });
  return router;
}
