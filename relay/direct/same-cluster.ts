/** Whether a direct remote is the cluster that has its RCC. [DIR9] */
import { isSameServer } from "../kube/server-identity.ts";
import type { ServerIdentity } from "../kube/server-identity.ts";

/** What is known of a cluster; `null`: nothing. */
export interface ClusterIdentity {
  readonly guid: string | null;
  readonly server: ServerIdentity | null;
}

/** By what two clusters are one; `null`: they are two, or nobody knows. */
export type SameBy = "guid" | "server" | null;

/** Two GUIDs say it for certain. The rest may be alike: many clusters can have one authority. */
export function sameClusterBy(local: ClusterIdentity, remote: ClusterIdentity): SameBy {
  if (local.guid !== null && remote.guid !== null)
    return local.guid === remote.guid ? "guid" : null;
  if (local.server === null || remote.server === null) return null;
  return isSameServer(local.server, remote.server) ? "server" : null;
}
