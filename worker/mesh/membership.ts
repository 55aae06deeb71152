/** Decisions about the mesh, its clusters and their join tokens. Each runs inside `Mesh.decide`. */
import { toHex } from "../../shared/lib/bytes.ts";
import { sha256 } from "../../shared/lib/hash.ts";
import { meshNameIn } from "../../shared/lib/mesh-name.ts";
import type { Mesh } from "./mesh.ts";
import { Refused } from "./outcome.ts";
import { setRanges } from "./ranges.ts";
import type { RangesChange } from "./ranges.ts";
import { MESH_LIMITS } from "./registry.ts";
import { recordMembership } from "./webhooks/record-event.ts";
import type { ClusterRow, MeshRow } from "./registry.ts";

const TOKEN_TTL_MS = 24 * 3600 * 1000;

export interface NewToken {
  /** Shown once; only its hash is kept. */
  readonly joinToken: string;
  readonly expiresMs: number;
}

export interface Joined {
  readonly meshId: string;
  readonly mesh: string;
  readonly cluster: { readonly uid: string; readonly name: string };
  readonly keyGeneration: number;
}

const utf8 = new TextEncoder();

export function hashToken(token: string): string {
  return toHex(sha256(utf8.encode(token)));
}

/**
 * `cwj_<mesh>_<secret>`: the name in it routes a join to its mesh without a directory. `null` for
 * anything else.
 */
export function meshOfToken(token: string): string | null {
  return meshNameIn(token, "cwj");
}

export function createMesh(mesh: Mesh, name: string): MeshRow {
  if (mesh.row() !== undefined)
    throw new Refused(409, "mesh-exists", `there is already a mesh named ${name}`);
  const { clock, randomHex } = mesh.environment;
  const row = { id: randomHex(16), name, createdMs: clock.now(), removed: false };
  mesh.store.put("mesh", "mesh", row);
  mesh.audit.operator(mesh.actor, "mesh create", name);
  return row;
}

/** Removes every cluster; the Origins hear it through the outbox, which outlives the mesh. */
export function deleteMesh(mesh: Mesh): MeshRow {
  const row = mesh.requireMesh();
  for (const cluster of mesh.clusters()) removeCluster(mesh, cluster.name);
  mesh.store.put("mesh", "mesh", { ...row, removed: true });
  mesh.audit.operator(mesh.actor, "mesh delete", row.name);
  return row;
}

export function addCluster(
  mesh: Mesh,
  name: string,
  ranges: RangesChange = {},
): { readonly cluster: ClusterRow; readonly token: NewToken } {
  const { id, name: meshName } = mesh.requireMesh();
  if (mesh.store.get("names", name) !== undefined)
    throw new Refused(409, "cluster-exists", `the mesh already has a cluster named ${name}`);
  if (mesh.store.count("names") >= MESH_LIMITS.clusters)
    throw new Refused(422, "too-many", `a mesh has at most ${MESH_LIMITS.clusters} clusters`);
  const uid = mesh.environment.randomHex(16);
  mesh.touch(uid);
  mesh.store.put("names", name, { uid });
  mesh.store.put("clusters", uid, {
    uid,
    name,
    meshId: id,
    meshName,
    keyGeneration: 0,
    removed: false,
    factsVersion: 0,
    createdMs: mesh.environment.clock.now(),
    key: null,
    given: [],
    removedMs: null,
  });
  setRanges(mesh, mesh.requireCluster(name), ranges);
  mesh.audit.operator(mesh.actor, "cluster add", name);
  return { cluster: mesh.requireCluster(name), token: makeToken(mesh, uid) };
}

/**
 * Takes the cluster's RCCs, grants and ranges with it, and those of others that name it. A later
 * cluster of this name is another one.
 */
export function removeCluster(mesh: Mesh, name: string): void {
  mesh.requireMesh();
  const { store } = mesh;
  const cluster = mesh.requireCluster(name);
  const { uid } = cluster;
  const unblocked = store.list("refused").filter(([, row]) => row.conflictUid === uid);
  const rccs = store.list("rccs").filter(([id]) => namesUid(id, uid));
  const grants = store.list("grants").filter(([id]) => namesUid(id, uid));
  const scoped = store.list("scoped").filter(([id]) => namesUid(id, uid));
  mesh.touch(uid);
  for (const [id] of [...rccs, ...grants, ...scoped]) mesh.touch(...id.split("/"));
  for (const [id] of unblocked) mesh.touch(id.slice(0, id.indexOf("/")));
  for (const [id] of rccs) store.delete("rccs", id);
  for (const [id] of grants) store.delete("grants", id);
  for (const [id] of scoped) store.delete("scoped", id);
  for (const [id] of unblocked) store.delete("refused", id);
  for (const [id] of store.list("direct", `${uid}/`)) store.delete("direct", id);
  for (const [id] of store.list("ranges", `${uid}/`)) store.delete("ranges", id);
  for (const [id] of store.list("refused", `${uid}/`)) store.delete("refused", id);
  store.delete("pools", uid);
  store.delete("exports", uid);
  for (const [id, token] of store.list("tokens"))
    if (token.clusterUid === uid) store.delete("tokens", id);
  store.delete("names", name);
  store.delete("health", uid);
  store.delete("withdrawals", uid);
  recordMembership(mesh, cluster, "cluster.left", `cluster ${name} was removed`);
  const removedMs = mesh.environment.clock.now();
  store.put("clusters", uid, { ...cluster, removed: true, removedMs, key: null });
  mesh.overlay.note(uid, null);
  mesh.audit.operator(mesh.actor, "cluster remove", name);
  forgetOldestRemoved(mesh);
}

function namesUid(pair: string, uid: string): boolean {
  return pair.startsWith(`${uid}/`) || pair.endsWith(`/${uid}`);
}

function forgetOldestRemoved(mesh: Mesh): void {
  const { store } = mesh;
  if (store.count("clusters") - store.count("names") <= MESH_LIMITS.removedClusters) return;
  const removed = store.list("clusters").filter(([, row]) => row.removed);
  const oldest = removed.toSorted(([, a], [, b]) => (a.removedMs ?? 0) - (b.removedMs ?? 0))[0];
  if (oldest === undefined) return;
  store.delete("clusters", oldest[0]);
  store.delete("outbox", oldest[0]);
}

/**
 * A further token of a cluster, for a relay that lost its key. The key in use stays until the token
 * is used. [CRE6]
 */
export function newToken(mesh: Mesh, name: string): NewToken {
  mesh.requireMesh();
  const { uid } = mesh.requireCluster(name);
  mesh.audit.operator(mesh.actor, "cluster token", name);
  return makeToken(mesh, uid);
}

function makeToken(mesh: Mesh, clusterUid: string): NewToken {
  const { clock, randomHex } = mesh.environment;
  dropStaleTokens(mesh, clusterUid);
  const joinToken = `cwj_${mesh.requireMesh().name}_${randomHex(24)}`;
  const expiresMs = clock.now() + TOKEN_TTL_MS;
  mesh.store.put("tokens", hashToken(joinToken), { clusterUid, expiresMs, usedBy: null });
  return { joinToken, expiresMs };
}

/**
 * Keeps a cluster's newest tokens: an expired one is remembered for a while only so that its user
 * hears "expired", not "wrong".
 */
function dropStaleTokens(mesh: Mesh, clusterUid: string): void {
  const own = mesh.store
    .list("tokens")
    .filter(([, row]) => row.clusterUid === clusterUid)
    .toSorted(([, a], [, b]) => b.expiresMs - a.expiresMs);
  for (const [id] of own.slice(MESH_LIMITS.unusedTokensPerCluster - 1))
    mesh.store.delete("tokens", id);
}

/**
 * Exchanges a join token for membership. The same token and key give the same answer as often as
 * asked, since the answer may be lost on its way; another key needs another token. [CRE1] [CRE2]
 * @param kid RFC 7638 thumbprint of the relay's public key.
 * @param hasProof Whether the relay has shown that it has the key. [CRE24]
 * @param isBeside The key in use is retired once a relay comes with this one, not yet. [CRE30]
 */
export function join(
  mesh: Mesh,
  tokenHash: string,
  kid: string,
  hasProof: boolean,
  isBeside = false,
): Joined {
  const token = mesh.store.get("tokens", tokenHash);
  const cluster = token === undefined ? undefined : mesh.member(token.clusterUid);
  if (mesh.row() === undefined || token === undefined || cluster === undefined)
    throw new Refused(401, "join-token-wrong", "the join token is not one of this hub");
  if (token.usedBy !== null) {
    if (token.usedBy === kid && cluster.key?.kid === kid) return joined(cluster);
    if (token.usedBy === kid && cluster.next?.kid === kid)
      return joined(cluster, cluster.next.generation);
    throw new Refused(
      409,
      token.usedBy === kid ? "key-replaced" : "join-token-used",
      token.usedBy === kid
        ? "this key was replaced by a newer one: make a new token with `catwalk cluster token`"
        : "the join token was used with another key: make a new one with `catwalk cluster token`",
    );
  }
  const now = mesh.environment.clock.now();
  if (now >= token.expiresMs)
    throw new Refused(
      410,
      "join-token-expired",
      "the join token has expired (they live 24 hours): make a new one with `catwalk cluster token`",
    );
  mesh.store.put("tokens", tokenHash, { ...token, usedBy: kid });
  if (cluster.key?.kid === kid) return joined(cluster);
  return takeKey(mesh, cluster, { kid, hasProof, isBeside });
}

interface NewKey {
  readonly kid: string;
  readonly hasProof: boolean;
  readonly isBeside: boolean;
}

function takeKey(mesh: Mesh, cluster: ClusterRow, { kid, hasProof, isBeside }: NewKey): Joined {
  // Beyond all that were given out: before a restore [CRE18], and beside the key in use.
  const given = Math.max(cluster.keyGeneration, cluster.next?.generation ?? 0);
  const keyGeneration = Math.max(given + 1, mesh.restoredMs());
  const who = `cluster ${cluster.name}`;
  const what = `key ${kid}, generation ${keyGeneration}`;
  if (isBeside && cluster.key !== null) {
    const next = { kid, generation: keyGeneration };
    mesh.store.put("clusters", cluster.uid, { ...cluster, next });
    mesh.audit.operator(who, "join beside", what);
    return joined(cluster, keyGeneration);
  }
  // Origins that this cluster may read hold its key's generation as well.
  const remotes = mesh.rccsOf(cluster.uid).map((rcc) => rcc.remoteUid);
  mesh.touch(cluster.uid, ...remotes);
  const renewed = {
    ...cluster,
    keyGeneration,
    key: { kid, addedMs: mesh.environment.clock.now() },
    ...(cluster.next === undefined ? {} : { next: null }),
  };
  mesh.store.put("clusters", cluster.uid, renewed);
  if (cluster.key === null)
    recordMembership(mesh, cluster, "cluster.joined", `cluster ${cluster.name} has joined`);
  mesh.audit.operator(who, hasProof ? "join" : "join without proof", what);
  return joined(renewed);
}

function joined(cluster: ClusterRow, keyGeneration = cluster.keyGeneration): Joined {
  return {
    meshId: cluster.meshId,
    mesh: cluster.meshName,
    cluster: { uid: cluster.uid, name: cluster.name },
    keyGeneration,
  };
}
