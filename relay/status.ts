/** The status document of a relay: `/status`, `catwalk relay status`, metrics. */
import type { Home } from "./publish/home.ts";
import type { FeedStatus } from "./feed/feed.ts";
import type { PeerReport } from "./peers/ask-all.ts";
import type { WithdrawalReport } from "./publish/withdrawals/withdrawals.ts";
import { summarise } from "./source/source-health.ts";
import type { SourceHealth, SourceState } from "./source/source-health.ts";
import type { SourceProblem } from "./source/source.ts";
import type { NatPoolsReport } from "./view/nat-pools.ts";
import type { Remotes } from "./view/remotes.ts";

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
  readonly source: {
    /** The worst of its collections. [SRC88] */
    readonly state: SourceState;
    readonly reason: string;
    /** ISO 8601; `null`: not known yet. */
    readonly since: string | null;
    readonly collections: readonly {
      readonly name: string;
      readonly state: SourceState;
      readonly objects: number;
      readonly reason: string;
      readonly since: string;
    }[];
    readonly listed: boolean;
    readonly records: number;
    readonly problems: readonly SourceProblem[];
    /** CIDRs of pools that are not the cluster's own, and so are not published. [SRC22] */
    readonly poolsNotOwn: readonly string[];
  };
  /** Withdrawals that are held because a list lacks so much. [PUB3] */
  readonly withdrawals: readonly WithdrawalReport[];
  readonly publisher: ReturnType<Home["publisher"]["status"]> | null;
  readonly remotes: ReturnType<Remotes["reports"]>;
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
}

/** Times of its health as RFC 3339. */
export function sourceStatus(
  health: SourceHealth,
): Pick<RelayStatus["source"], "state" | "reason" | "since" | "collections"> {
  const { state, reason, sinceMs } = summarise(health);
  return {
    state,
    reason,
    since: sinceMs === 0 ? null : new Date(sinceMs).toISOString(),
    collections: health.collections.map(({ sinceMs: ms, ...rest }) => ({
      ...rest,
      since: new Date(ms).toISOString(),
    })),
  };
}
