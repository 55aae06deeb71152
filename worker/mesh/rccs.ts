/**
 * Decisions about RCCs, the reader's half of "A sees B", and those that name no member. [VIS22]
 * [VIS23] [VIS40]
 */
import { isEffective, isVetoedGrant } from "../../shared/visibility/access.ts";
import { REMOTE_ANNOTATION } from "../../shared/visibility/rcc.ts";
import type { RccRequest } from "../../shared/visibility/rcc.ts";
import { registryEdge } from "./edge-facts.ts";
import type { RegistryEdge } from "./edge-facts.ts";
import { entityTag, requireMatch, requireNamedState } from "./entity-tag.ts";
import type { IfMatch } from "./entity-tag.ts";
import type { Mesh } from "./mesh.ts";
import { Refused } from "./outcome.ts";
import { auditWrite, BY_API, ownedBy, requireNamedOwner, requireOwner } from "./owner.ts";
import type { Writer } from "./owner.ts";
import { MESH_LIMITS } from "./registry.ts";
import type { ClusterRow, DirectRccRow, RccRow } from "./registry.ts";
import { requireRoomForScopes } from "./scope-limits.ts";

/** An RCC that names a member, with what it is bound to and whether it is granted. */
export interface MemberRcc {
  readonly row: RccRow;
  readonly remote: { readonly uid: string; readonly name: string };
  readonly state: "granted" | "not-granted";
  /** There is a grant, and the owner of the remote keeps it from this cluster. [EXP5] */
  readonly isVetoed: boolean;
  readonly edge: RegistryEdge;
}

/** One with connection fields: kept, bound to nobody, and of no effect. [VIS40] */
export interface DirectRcc {
  readonly row: DirectRccRow;
  readonly remote: null;
  readonly state: "not-served";
}

export interface ClusterRcc {
  readonly cluster: { readonly uid: string; readonly name: string };
  readonly rcc: Rcc;
}

export type Rcc = MemberRcc | DirectRcc;

export function applyRcc(
  mesh: Mesh,
  clusterName: string,
  request: RccRequest,
  mode: "create" | "apply",
  writer: Writer = BY_API,
  ifMatch?: IfMatch,
): { readonly rcc: Rcc; readonly isNew: boolean } {
  mesh.requireMesh();
  const cluster = mesh.requireCluster(clusterName);
  const existing = findRcc(mesh, cluster, request.name);
  if (existing !== undefined && mode === "create")
    throw new Refused(
      409,
      "rcc-exists",
      `cluster ${clusterName} already has an RCC named ${request.name}`,
    );
  const subject = `${clusterName}/${request.name}`;
  requireOwner(writer, existing?.row, rccName(clusterName, request.name));
  if (existing === undefined && countRccs(mesh, cluster) >= MESH_LIMITS.rccsPerCluster)
    throw new Refused(422, "too-many", `a cluster has at most ${MESH_LIMITS.rccsPerCluster} RCCs`);
  const made: Made = {
    createdMs: existing?.row.createdMs ?? mesh.environment.clock.now(),
    ...ownedBy(writer, existing?.row),
  };
  const tag = existing === undefined ? null : rccTag(existing);
  const { remoteName, annotations, spec } = request;
  requireNamedState(ifMatch, tag, rccTag({ row: { annotations, spec, ...made } }));
  const rcc =
    remoteName === null
      ? keepDirect(mesh, cluster, request, existing, made)
      : bindToMember(mesh, cluster, { ...request, remoteName }, existing, made);
  const names = rcc.remote === null ? "has connection fields" : `names ${rcc.remote.name}`;
  auditWrite(mesh, writer, cluster, "rcc apply", `${subject} ${names}`);
  return { rcc, isNew: existing === undefined };
}

/** Of a row: since when it is there, and whose it is. */
type Made = Pick<RccRow, "createdMs" | "under">;

function rccName(cluster: string, name: string): string {
  return `RCC ${name} of cluster ${cluster}`;
}

/** Of what its author wrote. [API60] */
export function rccTag({
  row: { annotations, spec, createdMs },
}: {
  readonly row: Pick<RccRow, "annotations" | "spec" | "createdMs">;
}): string {
  return entityTag({ annotations, spec, createdMs });
}

function keepDirect(
  mesh: Mesh,
  cluster: ClusterRow,
  request: RccRequest,
  existing: Rcc | undefined,
  made: Made,
): DirectRcc {
  const { name, annotations, spec } = request;
  const remoteName = annotations[REMOTE_ANNOTATION] ?? name;
  const rival = listMemberRccs(mesh, cluster.name).find(
    ({ row, remote }) => remote.name === remoteName && row.name !== name,
  );
  if (rival !== undefined) throw reachedTwice(cluster, rival.row.name, remoteName);
  if (existing !== undefined && existing.remote !== null) dropMember(mesh, cluster, existing);
  const row: DirectRccRow = { name, annotations, spec, ...made };
  mesh.store.put("direct", `${cluster.uid}/${name}`, row);
  return viewDirect(row);
}

function bindToMember(
  mesh: Mesh,
  cluster: ClusterRow,
  request: RccRequest & { readonly remoteName: string },
  existing: Rcc | undefined,
  made: Made,
): MemberRcc {
  const remote = findRemote(mesh, request);
  if (remote.uid === cluster.uid)
    throw new Refused(
      422,
      "own-cluster",
      `RCC ${request.name} names its own cluster ${cluster.name}: it must name another member`,
    );
  const rival = mesh.store.get("rccs", `${cluster.uid}/${remote.uid}`);
  if (rival !== undefined && rival.name !== request.name)
    throw new Refused(
      409,
      "remote-taken",
      `RCC ${rival.name} of cluster ${cluster.name} already names ${remote.name}: one RCC names a remote`,
    );
  const direct = mesh.store
    .list("direct", `${cluster.uid}/`)
    .map(([, row]) => row)
    .find(
      (row) =>
        row.name !== request.name &&
        (row.annotations[REMOTE_ANNOTATION] ?? row.name) === remote.name,
    );
  if (direct !== undefined) throw reachedTwice(cluster, direct.name, remote.name);
  if (existing?.remote != null && existing.remote.uid !== remote.uid)
    dropMember(mesh, cluster, existing);
  mesh.store.delete("direct", `${cluster.uid}/${request.name}`);
  const row: RccRow = {
    name: request.name,
    remoteUid: remote.uid,
    overlayRoutingMode: request.overlayRoutingMode,
    annotations: request.annotations,
    spec: request.spec,
    ...made,
  };
  mesh.overlay.between(cluster.uid, remote.uid, () =>
    mesh.store.put("rccs", `${cluster.uid}/${remote.uid}`, row),
  );
  if ((mesh.grantOf(remote.uid, cluster.uid)?.scope ?? null) !== null)
    requireRoomForScopes(mesh, cluster, remote);
  return viewMember(mesh, cluster, row);
}

/** Through the mesh, or directly: not both at once. [DIR13] */
function reachedTwice(cluster: ClusterRow, rcc: string, remote: string): Refused {
  return new Refused(
    409,
    "remote-taken",
    `RCC ${rcc} of cluster ${cluster.name} already reaches ${remote}: a remote is reached one way at a time`,
  );
}

function dropMember(mesh: Mesh, cluster: ClusterRow, { remote }: MemberRcc): void {
  mesh.overlay.between(cluster.uid, remote.uid, () =>
    mesh.store.delete("rccs", `${cluster.uid}/${remote.uid}`),
  );
}

/**
 * Naming nobody is an error and not a wish: a name alone would bind to whoever comes first under
 * it.
 */
function findRemote(mesh: Mesh, request: { name: string; remoteName: string }): ClusterRow {
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

/** Where a hub of the version before has made one of the same name, that one counts. */
function findRcc(mesh: Mesh, cluster: ClusterRow, name: string): Rcc | undefined {
  const rows = mesh.store.list("rccs", `${cluster.uid}/`);
  const member = rows.find(([, row]) => row.name === name)?.[1];
  if (member !== undefined) return viewMember(mesh, cluster, member);
  const direct = mesh.store.get("direct", `${cluster.uid}/${name}`);
  return direct === undefined ? undefined : viewDirect(direct);
}

function countRccs(mesh: Mesh, { uid }: ClusterRow): number {
  return mesh.store.count("rccs", `${uid}/`) + mesh.store.count("direct", `${uid}/`);
}

function viewMember(mesh: Mesh, cluster: ClusterRow, row: RccRow): MemberRcc {
  return {
    row,
    remote: { uid: row.remoteUid, name: mesh.member(row.remoteUid)?.name ?? "" },
    state: isEffective(mesh, cluster.uid, row.remoteUid) ? "granted" : "not-granted",
    isVetoed: isVetoedGrant(mesh, cluster.uid, row.remoteUid),
    edge: registryEdge(mesh, cluster.uid, row.remoteUid),
  };
}

function viewDirect(row: DirectRccRow): DirectRcc {
  return { row, remote: null, state: "not-served" };
}

function byName(a: Rcc, b: Rcc): number {
  return a.row.name < b.row.name ? -1 : 1;
}

/** All of a cluster, by name. */
export function listRccs(mesh: Mesh, clusterName: string): readonly Rcc[] {
  const members = listMemberRccs(mesh, clusterName);
  const taken = new Set(members.map(({ row }) => row.name));
  const direct = mesh.store
    .list("direct", `${mesh.requireCluster(clusterName).uid}/`)
    .filter(([, row]) => !taken.has(row.name))
    .map(([, row]) => viewDirect(row));
  return [...members, ...direct].toSorted(byName);
}

/**
 * Those of all clusters, by the names of the clusters: of a part at least those after its cursor
 * (`cluster/rcc`), and one more than its limit.
 */
export function listAllRccs(
  mesh: Mesh,
  { limit, cursor = "" }: RccsPart = {},
): readonly ClusterRcc[] {
  mesh.requireMesh();
  const [from = "", after = ""] = cursor.split("/");
  const found: ClusterRcc[] = [];
  for (const { uid, name } of mesh.clusters()) {
    if (name < from) continue;
    for (const rcc of listRccs(mesh, name))
      if (name > from || rcc.row.name > after) found.push({ cluster: { uid, name }, rcc });
    if (limit !== undefined && found.length > limit) break;
  }
  return found;
}

export interface RccsPart {
  readonly limit?: number | undefined;
  readonly cursor?: string | undefined;
}

/** Those that name a member, by name: the edges of the mesh. */
export function listMemberRccs(mesh: Mesh, clusterName: string): readonly MemberRcc[] {
  mesh.requireMesh();
  const cluster = mesh.requireCluster(clusterName);
  return mesh.store
    .list("rccs", `${cluster.uid}/`)
    .map(([, row]) => viewMember(mesh, cluster, row))
    .toSorted(byName);
}

export function getRcc(mesh: Mesh, clusterName: string, name: string): Rcc {
  mesh.requireMesh();
  const rcc = findRcc(mesh, mesh.requireCluster(clusterName), name);
  if (rcc === undefined)
    throw new Refused(404, "no-such-rcc", `cluster ${clusterName} has no RCC named ${name}`);
  return rcc;
}

export function deleteRcc(
  mesh: Mesh,
  clusterName: string,
  name: string,
  writer: Writer = BY_API,
  ifMatch?: IfMatch,
): void {
  const rcc = getRcc(mesh, clusterName, name);
  requireNamedOwner(writer, rcc.row, rccName(clusterName, name));
  requireMatch(ifMatch, rccTag(rcc));
  const cluster = mesh.requireCluster(clusterName);
  if (rcc.remote !== null) dropMember(mesh, cluster, rcc);
  mesh.store.delete("direct", `${cluster.uid}/${name}`);
  auditWrite(mesh, writer, cluster, "rcc delete", `${clusterName}/${name}`);
}
