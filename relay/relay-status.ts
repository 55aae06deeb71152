/** The status document of a relay, of its parts. */
import { PROTOCOL_VERSIONS } from "../shared/protocol/version.ts";
import type { KeptAccess } from "./access/kept-access.ts";
import type { DirectRemotes } from "./direct/direct-remotes.ts";
import type { ClusterServices } from "./cluster-services.ts";
import type { Feed } from "./feed/feed.ts";
import type { HubSession, RelayIdentity } from "./hub-session.ts";
import { VERSION } from "./lib/version.ts";
import type { OwnCluster } from "./own-cluster.ts";
import type { Peers } from "./peers/peers.ts";
import type { ResourceWriter } from "./resources/resource-writer.ts";
import type { RelayStatus } from "./status.ts";
import type { Remotes } from "./view/remotes.ts";

type Session = Pick<HubSession, "status" | "publisher">;

/** What a relay is made of, as far as its status tells of it. */
interface Parts {
  readonly clusterName: string | null;
  readonly credentials: Pick<RelayIdentity, "membership" | "skewMs">;
  readonly own: OwnCluster;
  readonly remotes: Remotes;
  readonly directs: Pick<DirectRemotes, "status"> | null;
  readonly peers: Pick<Peers, "report"> | null;
  readonly feed: Pick<Feed, "status"> | null;
  readonly resources: Pick<ResourceWriter, "status"> | null;
  readonly services: Pick<ClusterServices, "writing">;
  readonly splice: { readonly felixes: readonly string[] } | null;
}

export function statusOf(
  relay: Parts,
  session: Session,
  access: Pick<KeptAccess, "facts" | "writeError">,
): RelayStatus {
  const { credentials, own, remotes } = relay;
  return {
    version: VERSION,
    protocols: PROTOCOL_VERSIONS,
    cluster: relay.clusterName,
    mesh: credentials.membership?.mesh ?? null,
    ...session.status(),
    clockSkewSeconds: Math.round((credentials.skewMs ?? 0) / 1000),
    accessVersion: access.facts?.accessVersion ?? 0,
    diskProblem: access.writeError ?? remotes.writeError,
    source: own.status(),
    withdrawals: own.withdrawals.report(),
    exports: own.exportStatus(),
    publisher: session.publisher?.status() ?? null,
    remotes: remotes.reports(),
    direct: relay.directs?.status() ?? null,
    pools: remotes.pools.report(),
    transfers: remotes.transfers(),
    peers: relay.peers?.report ?? null,
    feed: relay.feed?.status() ?? null,
    resources: relay.resources?.status() ?? null,
    services: relay.services.writing(),
    felix: relay.splice?.felixes ?? null,
  };
}
