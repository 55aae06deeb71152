/** What a cluster is permitted to see, read by an admin as that cluster would. [API6] */
import type { OpenAPIHono } from "@hono/zod-openapi";

import { getView } from "../../shared/api/view.ts";
import { requireOwnCluster, requireRole } from "./authorize.ts";
import { requireUpgrade, withInternalHeaders } from "./forward.ts";
import type { HubPorts } from "./hub-ports.ts";
import { HttpProblem, valueOf } from "./problem.ts";
import { newRouter, ok, serve } from "./serve.ts";

export function viewRoutes(ports: HubPorts): OpenAPIHono {
  const router = newRouter();
  serve(router, getView, async ({ params: { mesh, cluster } }) => {
    const seen = valueOf(await ports.mesh(mesh).viewOf(cluster));
    return ok({
      accessVersion: seen.accessVersion,
      cluster: { ...seen.cluster },
      origins: seen.origins.map(({ rcc, origin, labels }) => ({
        rcc,
        origin: { ...origin },
        labels,
        watch: `/v1/meshes/${mesh}/clusters/${cluster}/view/${origin.uid}`,
      })),
    });
  });
  // Not in the OpenAPI document: it has no words for WebSockets; the protocol is in SPEC.md.
  router.get("/v1/meshes/:mesh/clusters/:cluster/view/:originUid", async (c) => {
    requireRole(c, getView);
    const { mesh, cluster, originUid } = c.req.param();
    requireOwnCluster(c, getView.owner, { params: { cluster }, query: {}, body: {} });
    requireUpgrade(c.req.raw);
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
      tokenId: "",
      tokenIssuedMs: "",
    });
    return ports.origin(seen.mesh, originUid).fetch(forwarded);
  });
  return router;
}
