/** What a direct remote needs to know of the cluster that has its RCC. */
import type { Holder } from "./claims.ts";
import type { ClusterIdentity } from "./same-cluster.ts";

export interface LocalSide extends ClusterIdentity {
  /** Its pools and nodes are known: nothing is claimed before. */
  readonly isListed: boolean;
  /** Ranges that others have, for a remote. */
  holders(rcc: string): readonly Holder[];
}
