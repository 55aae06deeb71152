/** Decisions about RCCs, the reader's half of "A sees B". [VIS22] [VIS23] */
import type { RccRequest } from "../../shared/visibility/rcc.ts";
import type { Mesh } from "./mesh.ts";
import { Refused } from "./outcome.ts";
import { MESH_LIMITS } from "./registry.ts";
import type { ClusterRow, RccRow } from "./registry.ts";
import { requireRoomForScopes } from "./scope-limits.ts";

/** An RCC with what it is bound to and whether it is served. */
export interface RccView {
  readonly row: RccRow;
  readonly remote: { readonly uid: string; readonly name: string };
  readonly state: "granted" | "not-granted";
}

export function applyRcc(
  mesh: Mesh,
  clusterName: string,
  request: RccRequest,
  mode: "create" | "apply",
): { readonly rcc: RccView; readonly isNew: boolean } {
  mesh.requireMesh();
  const cluster = mesh.requireCluster(clusterName);
  const remote = findRemote(mesh, request);
  if (remote.uid === cluster.uid)
    throw new Refused(
      422,
      "own-cluster",
      `RCC ${request.name} names its own cluster ${clusterName}: it must name another member`,
    );
  const existing = findRcc(mesh, cluster, request.name);
  if (existing !== undefined && mode === "create")
    throw new Refused(
      409,
      "rcc-exists",
      `cluster ${clusterName} already has an RCC named ${request.name}`,
    );
  const rival = mesh.store.get("rccs", `${cluster.uid}/${remote.uid}`);
  if (rival !== undefined && rival.name !== request.name)
    throw new Refused(
      409,
      "remote-taken",
      `RCC ${rival.name} of cluster ${clusterName} already names ${remote.name}: one RCC names a remote`,
    );
  if (
    existing === undefined &&
    mesh.store.count("rccs", `${cluster.uid}/`) >= MESH_LIMITS.rccsPerCluster
  )
    throw new Refused(422, "too-many", `a cluster has at most ${MESH_LIMITS.rccsPerCluster} RCCs`);
  mesh.touch(cluster.uid, remote.uid);
  if (existing !== undefined && existing.remoteUid !== remote.uid) {
    mesh.touch(existing.remoteUid);
    mesh.store.delete("rccs", `${cluster.uid}/${existing.remoteUid}`);
  }
  const row: RccRow = {
    name: request.name,
    remoteUid: remote.uid,
    overlayRoutingMode: request.overlayRoutingMode,
    annotations: request.annotations,
    spec: request.spec,
    createdMs: existing?.createdMs ?? mesh.environment.clock.now(),
  };
  mesh.store.put("rccs", `${cluster.uid}/${remote.uid}`, row);
  if ((mesh.grantOf(remote.uid, cluster.uid)?.scope ?? null) !== null)
    requireRoomForScopes(mesh, cluster, remote);
  mesh.audit("admin", "rcc apply", `${clusterName}/${request.name} names ${remote.name}`);
  return { rcc: viewRcc(mesh, cluster, row), isNew: existing === undefined };
}

/** Naming nobody is an error and not a wish: a name alone would bind to whoever comes first under it. */
function findRemote(mesh: Mesh, request: RccRequest): ClusterRow {
  const uid = mesh.store.get("names", request.remoteName)?.uid;
  const row = uid === undefined ? undefined : mesh.member(uid);
  if (row === undefined)
    throw new Refused(
      422,
      "unknown-remote",
      `RCC ${request.name} names cluster ${request.remoteName}, which is not a member of this mesh`,
    );
  return row;
}

function findRcc(mesh: Mesh, cluster: ClusterRow, name: string): RccRow | undefined {
  return mesh.store.list("rccs", `${cluster.uid}/`).find(([, row]) => row.name === name)?.[1];
}

function viewRcc(mesh: Mesh, cluster: ClusterRow, row: RccRow): RccView {
  return {
    row,
    remote: { uid: row.remoteUid, name: mesh.member(row.remoteUid)?.name ?? "" },
    state: mesh.grantOf(row.remoteUid, cluster.uid) === undefined ? "not-granted" : "granted",
  };
}

export function listRccs(mesh: Mesh, clusterName: string): readonly RccView[] {
  mesh.requireMesh();
  const cluster = mesh.requireCluster(clusterName);
  return mesh.store
    .list("rccs", `${cluster.uid}/`)
    .map(([, row]) => viewRcc(mesh, cluster, row))
    .toSorted((a, b) => (a.row.name < b.row.name ? -1 : 1));
}

export function getRcc(mesh: Mesh, clusterName: string, name: string): RccView {
  mesh.requireMesh();
  const cluster = mesh.requireCluster(clusterName);
  const row = findRcc(mesh, cluster, name);
  if (row === undefined)
    throw new Refused(404, "no-such-rcc", `cluster ${clusterName} has no RCC named ${name}`);
  return viewRcc(mesh, cluster, row);
}

export function deleteRcc(mesh: Mesh, clusterName: string, name: string): void {
  const { row } = getRcc(mesh, clusterName, name);
  const { uid } = mesh.requireCluster(clusterName);
  mesh.touch(uid, row.remoteUid);
  mesh.store.delete("rccs", `${uid}/${row.remoteUid}`);
  mesh.audit("admin", "rcc delete", `${clusterName}/${name}`);
}
