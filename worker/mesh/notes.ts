/** What an Origin knows of its cluster, noted in the registry. Runs inside `Mesh.decide`. [VIS32] [VIS34] */
import type { ClusterNote } from "../../shared/visibility/facts.ts";
import type { Mesh } from "./mesh.ts";
import { rangeId } from "./ranges.ts";
import type { ClusterRow } from "./registry.ts";

export function noteCluster(mesh: Mesh, { uid }: ClusterRow, note: ClusterNote): void {
  mesh.touch(uid, ...mesh.rccsOf(uid).map(({ remoteUid }) => remoteUid));
  if (note.pools?.length === 0) mesh.store.delete("pools", uid);
  else if (note.pools !== null) mesh.store.put("pools", uid, { cidrs: note.pools });
  for (const { use, cidr } of note.dropped) mesh.store.delete("refused", rangeId(uid, use, cidr));
}
