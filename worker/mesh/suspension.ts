/**
 * A cluster that is suspended neither sees nor is seen; its RCCs, grants, ranges and keys stay.
 * Runs inside `Mesh.decide`. [VIS50]
 */
import type { Mesh } from "./mesh.ts";
import { recordMembership } from "./webhooks/record-event.ts";

/** Repeating it changes nothing. */
export function setSuspended(mesh: Mesh, name: string, isSuspended: boolean): void {
  mesh.requireMesh();
  const cluster = mesh.requireCluster(name);
  const { uid, suspended: wasSuspended, ...row } = cluster;
  const remotes = mesh.rccsOf(uid).map(({ remoteUid }) => remoteUid);
  // fault: suspended-untold
  mesh.touch(uid, ...remotes, ...mesh.readersGrantedBy(uid));
  if ((wasSuspended === true) === isSuspended) return;
  mesh.store.put("clusters", uid, { uid, ...row, ...(isSuspended ? { suspended: true } : {}) });
  // Its pairs lose their routes now, and begin anew with `prepare` when it is back. [OVL5]
  mesh.overlay.clusterChanged(uid);
  const [action, type, summary] = isSuspended
    ? (["cluster suspend", "cluster.suspended", `cluster ${name} is suspended`] as const)
    : (["cluster resume", "cluster.resumed", `cluster ${name} is no longer suspended`] as const);
  mesh.audit.operator(mesh.actor, action, name);
  recordMembership(mesh, cluster, type, summary);
}
