/**
 * What an Origin knows of its cluster, noted in the registry. Runs inside `Mesh.decide`. [VIS32]
 * [VIS34]
 */
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
  if (note.obeyed !== undefined) mesh.overlay.obeyed(uid, note.obeyed);
}

/**
 * The hub has signed a newer key than it remembers, so it was restored: what was current then is
 * retired, as it was before. [CRE18]
 */
function retireOlder(mesh: Mesh, uid: string, keyGeneration: number): void {
  const cluster = mesh.member(uid);
  if (cluster === undefined || keyGeneration <= cluster.keyGeneration) return;
  // Which key it is, only its relay knows; none that a token of the backup was used with.
  const key = { kid: "", addedMs: mesh.environment.clock.now() };
  mesh.store.put("clusters", uid, { ...cluster, keyGeneration, key });
  mesh.audit.member(cluster, "key", `generation ${keyGeneration}, from before a restore`);
}
