/** What a cluster shows to whom, and what it sees of whom, as it is delivered now. [API59] */
import type { OpenAPIHono } from "@hono/zod-openapi";

import { getExchange } from "../../shared/api/exchange.ts";
import type { ExchangeSide } from "../../shared/api/exchange.ts";
import type { EdgeStatus } from "../../shared/api/status.ts";
import { scopeDocument } from "../../shared/visibility/scope.ts";
import type { ScopeDocument } from "../../shared/visibility/scope.ts";
import type { MeshOverview } from "../mesh/mesh-calls.ts";
import { askAll } from "./ask-all.ts";
import type { HubPorts } from "./hub-ports.ts";
import { valueOf } from "./problem.ts";
import { newRouter, ok, serve } from "./serve.ts";
import { statusOf } from "./status.ts";

export function exchangeRoutes(ports: HubPorts): OpenAPIHono {
  const router = newRouter();
  serve(router, getExchange, async ({ params: { mesh: name, cluster } }) => {
    const mesh = ports.mesh(name);
    const { uid } = valueOf(await mesh.getCluster(cluster));
    const overview = concerning(valueOf(await mesh.overview()), uid);
    const grants = valueOf(await mesh.listGrants(null));
    const scopes = new Map(
      grants.flatMap(({ origin, reader, scope }) =>
        scope === null ? [] : [[`${origin.uid} ${reader.uid}`, scopeDocument(scope)] as const],
      ),
    );
    const answers = await askAll(overview.clusters, (row) =>
      ports.origin(overview.mesh, row.uid).status(),
    );
    const { at, edges } = statusOf(overview, answers, ports.clock.now());
    const sides = (of: "cluster" | "origin", peer: "cluster" | "origin"): ExchangeSide[] =>
      edges
        .filter((edge) => edge[of].uid === uid)
        .map((edge) =>
          sideOf(edge, edge[peer], scopes.get(`${edge.origin.uid} ${edge.cluster.uid}`)),
        );
    return ok({
      cluster: { uid, name: cluster },
      at,
      shows: sides("origin", "cluster"),
      sees: sides("cluster", "origin"),
    });
  });
  return router;
}

/** The cluster's edges, and the clusters at their ends. */
function concerning(overview: MeshOverview, uid: string): MeshOverview {
  const edges = overview.edges.filter(
    ({ clusterUid, rcc }) => clusterUid === uid || rcc.remote.uid === uid,
  );
  const ends = new Set(edges.flatMap(({ clusterUid, rcc }) => [clusterUid, rcc.remote.uid]));
  return {
    ...overview,
    edges,
    clusters: overview.clusters.filter((row) => ends.has(row.uid)),
    notServed: [],
  };
}

function sideOf(
  edge: EdgeStatus,
  peer: EdgeStatus["origin"],
  scope: ScopeDocument | undefined,
): ExchangeSide {
  const { rcc, connection, endpoints, withheld, quarantined, refused, conditions } = edge;
  return {
    peer,
    rcc,
    ...(scope === undefined ? {} : { scope }),
    connection,
    endpoints: connection === "NotGranted" ? 0 : endpoints,
    withheld,
    quarantined,
    refused,
    conditions,
  };
}
