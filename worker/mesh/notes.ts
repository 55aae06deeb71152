/**
 * What an Origin knows of its cluster, noted in the registry. Runs inside `Mesh.decide`. [VIS32]
 * [VIS34]
 */
import type { ExportReport } from "../../shared/visibility/export-report.ts";
import type { ClusterNote } from "../../shared/visibility/facts.ts";
import type { Mesh } from "./mesh.ts";
import { rangeId } from "./ranges.ts";
import type { ClusterRow } from "./registry.ts";

export function noteCluster(mesh: Mesh, { uid }: ClusterRow, note: ClusterNote): void {
  mesh.touch(uid);
  // They are told the cluster's pools.
  if (note.pools !== null) mesh.touch(...mesh.rccsOf(uid).map(({ remoteUid }) => remoteUid));
  if (note.pools?.length === 0) mesh.store.delete("pools", uid);
  else if (note.pools !== null) mesh.store.put("pools", uid, { cidrs: note.pools });
  if (note.keyGeneration !== undefined) retireOlder(mesh, uid, note.keyGeneration);
  for (const { use, cidr } of note.dropped) mesh.store.delete("refused", rangeId(uid, use, cidr));
  if (note.overlay !== undefined) mesh.overlay.note(uid, note.overlay);
  if (note.exports !== undefined) noteExports(mesh, uid, note.exports);
  if (note.obeyed !== undefined) mesh.overlay.obeyed(uid, note.obeyed);
}

/** The owner of the cluster keeps it from other consumers than before. [EXP5] */
function noteExports(mesh: Mesh, uid: string, exports: ExportReport | null): void {
  const readers = mesh.readersGrantedBy(uid);
  mesh.touch(...readers);
  if (exports === null) mesh.store.delete("exports", uid);
  else mesh.store.put("exports", uid, exports);
  // Pairs that have routes lose them, or may get them.
  for (const reader of readers) mesh.overlay.between(uid, reader, () => undefined);
  const cluster = mesh.member(uid);
  if (cluster !== undefined)
    mesh.audit.member(cluster, "export policy", exports?.summary ?? "there is none any more");
}

/**
 * The hub has signed a newer key than is in use. Either it was made beside that one [CRE30], or the
 * hub was restored: what was current then is retired, as it was before. [CRE18]
 */
function retireOlder(mesh: Mesh, uid: string, keyGeneration: number): void {
  const cluster = mesh.member(uid);
  if (cluster === undefined || keyGeneration <= cluster.keyGeneration) return;
  const addedMs = mesh.environment.clock.now();
  const { next } = cluster;
  if (next?.generation === keyGeneration) {
    // Origins that this cluster may read hold its key's generation as well.
    mesh.touch(...mesh.rccsOf(uid).map(({ remoteUid }) => remoteUid));
    const key = { kid: next.kid, addedMs };
    mesh.store.put("clusters", uid, { ...cluster, keyGeneration, key, next: null });
    mesh.audit.member(cluster, "key", `${next.kid}, generation ${keyGeneration}, as it was shown`);
    return;
  }
  // Which key it is, only its relay knows; none that a token of the backup was used with.
  const key = { kid: "", addedMs };
  mesh.store.put("clusters", uid, { ...cluster, keyGeneration, key });
  mesh.audit.member(cluster, "key", `generation ${keyGeneration}, from before a restore`);
}
