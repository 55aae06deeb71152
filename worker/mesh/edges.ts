/** Decisions about RCCs and grants: the two halves of "A sees B". [VIS22] [VIS23] */
import type { RccRequest } from "../../shared/visibility/rcc.ts";
import type { Mesh } from "./mesh.ts";
import { Refused } from "./outcome.ts";
import { MESH_LIMITS } from "./registry.ts";
import type { ClusterRow, RccRow } from "./registry.ts";

/** An RCC with what it is bound to and whether it is served. */
export interface RccView {
  readonly row: RccRow;
  readonly remote: { readonly uid: string; readonly name: string };
  readonly state: "granted" | "not-granted";
}

export interface GrantView {
  readonly origin: { readonly uid: string; readonly name: string };
  readonly reader: { readonly uid: string; readonly name: string };
  readonly createdMs: number;
  /** Whether the reader has an RCC that names the origin. */
  readonly isUsed: boolean;
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
    state: mesh.hasGrant(row.remoteUid, cluster.uid) ? "granted" : "not-granted",
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

/** Repeating a grant changes nothing. */
export function createGrant(mesh: Mesh, originName: string, readerName: string): GrantView {
  mesh.requireMesh();
  const [origin, reader] = requirePair(mesh, originName, readerName);
  const id = `${origin.uid}/${reader.uid}`;
  if (mesh.store.get("grants", id) === undefined) {
    mesh.touch(origin.uid, reader.uid);
    mesh.store.put("grants", id, { createdMs: mesh.environment.clock.now() });
    mesh.audit("admin", "grant create", `${originName} to ${readerName}`);
  }
  return viewGrant(mesh, id);
}

export function deleteGrant(mesh: Mesh, originName: string, readerName: string): void {
  mesh.requireMesh();
  const [origin, reader] = requirePair(mesh, originName, readerName);
  const id = `${origin.uid}/${reader.uid}`;
  if (mesh.store.get("grants", id) === undefined)
    throw new Refused(404, "no-such-grant", `cluster ${originName} has no grant to ${readerName}`);
  mesh.touch(origin.uid, reader.uid);
  mesh.store.delete("grants", id);
  mesh.audit("admin", "grant delete", `${originName} to ${readerName}`);
}

export function listGrants(mesh: Mesh, originName: string | null): readonly GrantView[] {
  mesh.requireMesh();
  const prefix = originName === null ? "" : `${mesh.requireCluster(originName).uid}/`;
  return mesh.store.list("grants", prefix).map(([id]) => viewGrant(mesh, id));
}

function requirePair(mesh: Mesh, origin: string, reader: string): [ClusterRow, ClusterRow] {
  if (origin === reader)
    throw new Refused(422, "own-cluster", `a grant by ${origin} to itself means nothing`);
  return [mesh.requireCluster(origin), mesh.requireCluster(reader)];
}

function viewGrant(mesh: Mesh, id: string): GrantView {
  const [originUid = "", readerUid = ""] = id.split("/");
  const ref = (uid: string): GrantView["origin"] => ({ uid, name: mesh.member(uid)?.name ?? "" });
  return {
    origin: ref(originUid),
    reader: ref(readerUid),
    createdMs: mesh.store.get("grants", id)?.createdMs ?? 0,
    isUsed: mesh.rccTo(readerUid, originUid) !== undefined,
  };
}
