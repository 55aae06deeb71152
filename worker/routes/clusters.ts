/** The members of a mesh, their ranges and their join tokens. */
import type { OpenAPIHono } from "@hono/zod-openapi";

import {
  addCluster,
  createJoinToken,
  getCluster,
  listClusters,
  removeCluster,
  resumeCluster,
  setClusterRanges,
  suspendCluster,
} from "../../shared/api/clusters.ts";
import type { ClusterView } from "../../shared/api/clusters.ts";
import { pageOf } from "../../shared/api/page.ts";
import type { Member } from "../mesh/mesh-calls.ts";
import type { HubPorts } from "./hub-ports.ts";
import { valueOf } from "./problem.ts";
import { created, newRouter, ok, serve } from "./serve.ts";
import { isoTime } from "./shown.ts";

export function clusterRoutes(ports: HubPorts): OpenAPIHono {
  const router = newRouter();
  serve(router, addCluster, async ({ params: { mesh }, body: { name, ...ranges } }, { who }) => {
    const added = valueOf(await ports.mesh(mesh, who).addCluster(name, ranges));
    await ensureListed(ports, mesh);
    return created({
      cluster: showMember(added.cluster),
      joinToken: added.token.joinToken,
      expiresAt: isoTime(added.token.expiresMs),
      propagated: added.propagated,
    });
  });
  serve(router, listClusters, async ({ params, query }) => {
    const members = valueOf(await ports.mesh(params.mesh).listClusters(query));
    const { items, next } = pageOf(members, ({ name }) => name, query);
    return ok({ items: items.map(showMember), next });
  });
  serve(router, getCluster, async ({ params: { mesh, cluster } }) =>
    ok(showMember(valueOf(await ports.mesh(mesh).getCluster(cluster)))),
  );
  serve(router, setClusterRanges, async ({ params: { mesh, cluster }, body }, { who }) => {
    const set = valueOf(await ports.mesh(mesh, who).setRanges(cluster, body));
    return ok({ cluster: showMember(set.cluster), propagated: set.propagated });
  });
  serve(router, removeCluster, async ({ params: { mesh, cluster } }, { who }) => {
    const { propagated } = valueOf(await ports.mesh(mesh, who).removeCluster(cluster));
    return ok({ propagated });
  });
  for (const [operation, isSuspended] of [
    [suspendCluster, true],
    [resumeCluster, false],
  ] as const)
    serve(router, operation, async ({ params: { mesh, cluster } }, { who }) => {
      const outcome = await ports.mesh(mesh, who).suspendCluster(cluster, isSuspended);
      return ok({ propagated: valueOf(outcome).propagated });
    });
  serve(router, createJoinToken, async ({ params: { mesh, cluster } }, { who }) => {
    const made = valueOf(await ports.mesh(mesh, who).newToken(cluster));
    await ensureListed(ports, mesh);
    return created({ joinToken: made.joinToken, expiresAt: isoTime(made.expiresMs) });
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

function showMember(member: Member): ClusterView {
  return {
    uid: member.uid,
    name: member.name,
    createdAt: isoTime(member.createdMs),
    joined: member.joined,
    keyGeneration: member.keyGeneration,
    ranges: {
      pods: [...member.ranges.pods],
      nodes: [...member.ranges.nodes],
      shared: [...(member.ranges.shared ?? [])],
    },
    pools: [...member.pools],
    rangesGivenByOperator: [...member.given],
    refusedClaims: member.refusedClaims.map((claim) => ({ ...claim })),
    suspended: member.suspended,
    exportPolicy: member.exportPolicy,
  };
}
