/** Read models of the registry, for the admin API. */
import { isEffective } from "../../shared/visibility/access.ts";
import { scopeId } from "../../shared/visibility/scope.ts";
import { notServed } from "../../shared/visibility/rcc-connection.ts";
import { labelModeOf } from "../../shared/visibility/rcc.ts";
import { listMemberRccs, listRccs } from "./rccs.ts";
import type { RccsPart } from "./rccs.ts";
import type { Member, MeshOverview, ViewOverview } from "./mesh-calls.ts";
import type { Mesh } from "./mesh.ts";
import { healthIn } from "./webhooks/health-row.ts";
import { WELL } from "../../shared/webhooks/health-events.ts";
import { overlayOverview } from "./preflight-view.ts";
import type { ClusterRow } from "./registry.ts";

/** By name; of a part at least those after its cursor, and one more than its limit. */
export function clustersOf(mesh: Mesh, { limit, cursor = "" }: RccsPart): readonly ClusterRow[] {
  if (limit === undefined && cursor === "") return mesh.clusters();
  const most = limit === undefined ? mesh.store.count("names") : limit + 1;
  const names = mesh.store.after("names", cursor.split("/")[0] ?? "", most);
  return names.flatMap(([, { uid }]) => mesh.member(uid) ?? []);
}

export function viewCluster(mesh: Mesh, row: ClusterRow): Member {
  return {
    uid: row.uid,
    name: row.name,
    createdMs: row.createdMs,
    keyGeneration: row.keyGeneration,
    joined: row.key !== null,
    ranges: mesh.ranges(row.uid),
    given: row.given,
    pools: mesh.poolsOf(row.uid),
    refusedClaims: mesh
      .refusedRows(row.uid)
      .map(({ cidr, use, reason }) => ({ cidr, use, reason })),
    suspended: row.suspended === true,
    exportPolicy: mesh.exportsOf(row.uid)?.summary ?? null,
    health: healthIn(
      mesh.store.get("health", row.uid) ?? {
        ...WELL,
        sinceMs: row.key?.addedMs ?? row.createdMs,
      },
    ),
  };
}

export function overviewOf(mesh: Mesh): MeshOverview {
  const clusters = mesh.clusters();
  return {
    mesh: mesh.requireMesh(),
    accessVersion: mesh.version(),
    unconfirmedRestore: mesh.unconfirmedRestore(),
    clusters: clusters.map((row) => viewCluster(mesh, row)),
    edges: clusters.flatMap((row) =>
      listMemberRccs(mesh, row.name).map((rcc) => {
        const scope = mesh.grantOf(rcc.remote.uid, row.uid)?.scope ?? null;
        return {
          clusterUid: row.uid,
          rcc,
          scopeId: scope === null ? null : scopeId(scope),
          overlay: overlayOverview(mesh, row.uid, rcc.remote.uid),
        };
      }),
    ),
    notServed: clusters.flatMap((row) =>
      listRccs(mesh, row.name).flatMap((rcc) =>
        notServed(rcc.row.spec).map((what) => ({
          clusterUid: row.uid,
          rcc: rcc.row.name,
          isServed: rcc.remote !== null,
          ...what,
        })),
      ),
    ),
    unacknowledged: mesh.store.list("outbox").map(([uid]) => uid),
  };
}

/** A cluster sees itself, and every origin that its RCCs name and that has granted it. */
export function viewOf(mesh: Mesh, clusterName: string): ViewOverview {
  const { id, name } = mesh.requireMesh();
  const cluster = mesh.requireCluster(clusterName);
  const self = { uid: cluster.uid, name: cluster.name };
  const seen = listMemberRccs(mesh, clusterName)
    .filter(({ remote }) => isEffective(mesh, cluster.uid, remote.uid))
    .map(({ row, remote }) => ({
      rcc: row.name,
      origin: remote,
      labels: labelModeOf(row.annotations),
    }));
  return {
    accessVersion: mesh.version(),
    mesh: { id, name },
    cluster: self,
    origins: [{ rcc: null, origin: self, labels: "original" }, ...seen],
  };
}
