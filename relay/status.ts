/** The status document of a relay: `/status`, `catwalk relay status`, metrics. */
import type { DirectStatus } from "./direct/direct-remotes.ts";
import type { ExportStatus } from "./own-cluster.ts";
import type { Home } from "./publish/home.ts";
import type { FeedStatus } from "./feed/feed.ts";
import type { PeerReport } from "./peers/ask-all.ts";
import type { WithdrawalReport } from "./publish/withdrawals/withdrawals.ts";
import type { ResourcesStatus } from "./resources/resource-writer.ts";
import type { SourceStatus } from "./source/source-status.ts";
import type { NatPoolsReport } from "./view/nat-pools.ts";
import type { Remotes } from "./view/remotes.ts";

/** What a relay writes for federated Services. */
export interface WritingStatus {
  readonly isWriter: boolean;
  /** Who holds the Lease; empty: nobody, as far as is known. */
  readonly holder: string;
  /** Rights that it lacks, and what the API server said. */
  readonly problems: readonly string[];
}

export interface RelayStatus {
  readonly version: string;
  /** Versions of the protocol with the hub that it speaks. */
  readonly protocols: readonly number[];
  readonly cluster: string | null;
  readonly mesh: string | null;
  readonly hub: "connected" | "not-joined" | "down";
  /** Seconds since the hub was last heard of; `null` when never by this process. */
  readonly hubAgeSeconds: number | null;
  /** Why the hub is not connected, or publishing stopped. */
  readonly message: string | null;
  /**
   * What this machine's clock lacks to the hub's, in seconds, where that was worth correcting; else
   * 0. [CRE8]
   */
  readonly clockSkewSeconds: number;
  readonly accessVersion: number;
  /** Why something that this relay knows is not on its disk; `null` when all is. */
  readonly diskProblem: string | null;
  readonly source: SourceStatus;
  /** Withdrawals that are held because a list lacks so much. [PUB3] */
  readonly withdrawals: readonly WithdrawalReport[];
  /** Of `--export-policy`; `null` without it. */
  readonly exports: ExportStatus | null;
  readonly publisher: ReturnType<Home["publisher"]["status"]> | null;
  readonly remotes: ReturnType<Remotes["reports"]>;
  /** RCCs that this relay reads itself; `null` without such a folder. [DIR8] */
  readonly direct: DirectStatus | null;
  /** Pools of other clusters in the local Felix. [TYP27] */
  readonly pools: NatPoolsReport;
  readonly transfers: ReturnType<Remotes["transfers"]>;
  /**
   * Views and facts that the cluster's other relays gave at the start; `null` when they were not
   * asked. [PEE1]
   */
  readonly peers: PeerReport | null;
  /** Who feeds this relay, and whom it feeds; `null`: it is by itself. [FEE7] */
  readonly feed: FeedStatus | null;
  /** Of `--custom-resources`; `null` without it. [CRD9] */
  readonly resources: ResourcesStatus | null;
  /** Of `--services`; `null` without it. [SVC42] */
  readonly services: WritingStatus | null;
  /** Nodes whose Felix is connected here, sorted; `null`: it serves none. [TYP46] */
  readonly felix: readonly string[] | null;
}
