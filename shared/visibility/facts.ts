import type { PathReport } from "../overlay/path-check.ts";
import type { OverlaySummary } from "../overlay/summary.ts";
import type { ExportReport } from "./export-report.ts";
import type { Channel } from "../record/channel.ts";
import type { EdgeLag, EdgeLatency } from "./edge-latency.ts";
import type { ObeyedOrder, OverlayOrder, OverlayReport } from "./overlay-order.ts";
import type { Scope } from "./scope.ts";
import type { HeldWithdrawal, WithdrawalOrder } from "./withdrawal-order.ts";

/**
 * The facts that the Mesh tells one cluster's Origin object, whole and versioned: who may read it,
 * what it may read, and which addresses are its own. An older `accessVersion` is ignored; only a
 * newer one of the same mesh changes anything. [VIS3]
 */
export interface OriginFacts {
  /** Identity of the mesh's incarnation: a mesh made anew under an old name has another one. */
  readonly meshId: string;
  readonly meshName: string;
  /** Rises by one with every change of the registry, mesh-wide. */
  readonly accessVersion: number;
  readonly cluster: ClusterRef;
  /** Only relay keys of this generation or a later one may speak for the cluster. */
  readonly keyGeneration: number;
  /** The cluster was removed: the Origin closes every socket, and forgets its log. */
  readonly removed: boolean;
  /** Clusters that may read all of this origin: RCC there, grant here. */
  readonly readers: readonly Reader[];
  /**
   * Those whose grant has a scope, apart: a hub of a version that knows no scopes lets none of them
   * read. Absent: there are none.
   */
  readonly scopedReaders?: readonly ScopedReader[];
  /** The cluster's own RCCs and whether each is served. */
  readonly remotes: readonly Remote[];
  /** Addresses that are this cluster's own, pinned in the Mesh. */
  readonly ranges: PinnedRanges;
  /** Claims of this cluster that the Mesh refused, so that they are not asked again. */
  readonly refusedClaims: readonly RefusedClaim[];
  /** CIDRs of the cluster's own pools, as the Mesh has noted them. Absent: none. [VIS32] */
  readonly pools?: readonly string[];
  /** `summaryHash` of what the Mesh has noted for routes. Absent: nothing. [OVL1] */
  readonly overlayHash?: string;
  /** `exportHash` of the owner's veto, as the Mesh has noted it. Absent: there is none. [EXP5] */
  readonly exportHash?: string;
  /**
   * Unix ms at which the hub's storage was put back to an older state that no operator has
   * confirmed yet. Absent: there is nothing to confirm. [BAK4]
   */
  readonly unconfirmedRestore?: number;
  /**
   * Channels beyond Felix's that some reader may have: only those are published. Absent: none.
   * [SVC1]
   */
  readonly asked?: readonly "services"[];
  /** What an operator has decided about withdrawals that are held. Absent: nothing. [PUB20] */
  readonly withdrawal?: WithdrawalOrder;
  /** Clusters that read this one, with their pools. Absent: none. [VIS32] */
  readonly readerPools?: readonly ReaderPools[];
}

/** Facts as a relay gets them: who may read its own cluster is not its business. */
export type AccessFacts = Omit<OriginFacts, "readers" | "scopedReaders">;

/**
 * The pools of a cluster that reads this one. Felix must not source-NAT towards them: the reader's
 * rules match addresses of pods, and would never match a node's. [VIS32]
 */
export interface ReaderPools {
  readonly cluster: ClusterRef;
  /** Canonical CIDRs, sorted; at most `MAX_TOLD_POOLS`. */
  readonly pools: readonly string[];
}

/**
 * Pools of one cluster that are told to the origins that it reads. Those beyond it are not. [VIS32]
 */
export const MAX_TOLD_POOLS = 64;

export interface ClusterRef {
  readonly uid: string;
  readonly name: string;
}

export interface Reader {
  readonly cluster: ClusterRef;
  readonly keyGeneration: number;
  /** Name of the RCC in the reading cluster. */
  readonly rcc: string;
  /** Channels that it may read; absent: `DEFAULT_CHANNELS`. [VIS51] */
  readonly channels?: readonly Channel[];
}

/** What every reader may read of an origin. Routes need more: see `OverlayOrder`. */
export const DEFAULT_CHANNELS: readonly Channel[] = ["identity", "pools"];

/** A cluster that may read what its scope shows. */
export interface ScopedReader extends Reader {
  readonly scope: Scope;
}

export interface Remote {
  /** Name of the RCC: the remote's name everywhere in this cluster. */
  readonly rcc: string;
  readonly origin: ClusterRef;
  /**
   * `granted`: may be watched. `not-granted`: the origin has not granted it, or no longer does:
   * what came from it is withdrawn.
   */
  readonly state: "granted" | "not-granted";
  readonly overlayRoutingMode: "Enabled" | "Disabled";
  /** How the remote's labels are given to rules; absent: `original`. */
  readonly labels?: LabelMode;
  /** The part of the origin that its grant shows; absent: all. */
  readonly scope?: Scope;
  /**
   * Only a relay writes this, of facts of a restored hub that would show more than it had heard:
   * held as it was. [BAK4]
   */
  readonly heldBack?: true;
  /** Why it is not granted where there is a grant. Absent: there is none, or it is granted. */
  readonly reason?: "vetoed";
  /** The RCC keeps this cluster's pools from the origin; absent: they are told. [VIS32] */
  readonly pools?: "not-shared";
  /** Routes to the remote; absent: there are none. */
  readonly overlay?: OverlayOrder;
}

/**
 * `prefixed`: label keys have the RCC's name in them, so that only rules written for this remote
 * match.
 */
export type LabelMode = "original" | "prefixed";

/**
 * CIDRs, canonical, sorted. Pod addresses must lie in `pods` or `shared`; those of nodes and host
 * endpoints in any.
 */
export interface PinnedRanges {
  readonly pods: readonly string[];
  readonly nodes: readonly string[];
  /** Ranges that several clusters have, by the operator's word. Absent: none. [VIS33] */
  readonly shared?: readonly string[];
}

export type RangeUse = "pods" | "nodes";

export interface RangeClaim {
  readonly cidr: string;
  readonly use: RangeUse;
}

export interface RefusedClaim extends RangeClaim {
  /** Names the rule and, for an overlap, whose range it is. */
  readonly reason: string;
}

/**
 * A relay's report of one of its RCCs, sent on the home socket and kept in memory by its Origin.
 */
export interface EdgeReport {
  readonly rcc: string;
  readonly origin: ClusterRef;
  /** Calico's remote_cluster_connection_status values. */
  readonly connectionStatus: 0 | 1 | 2 | 3 | 4 | 5;
  /** Endpoints of the remote that the relay has in its view and would serve to Felix. */
  readonly endpoints: number;
  /** Records that the receiving relay itself refused. */
  readonly refused: number;
  /** Hex digest of the identity channel at `revision`, when verified. */
  readonly digest: string | null;
  readonly revision: number;
  /**
   * Addresses in shared ranges that the remote and another cluster both have. Absent: none. [VIS33]
   */
  readonly conflicts?: number;
  /** Why the relay takes no more of the remote. Absent: it takes all. [VIE25] */
  readonly overLimit?: string;
  /** Absent: the relay was given no order, or knows none. */
  readonly overlay?: OverlayReport;
  /** What packets between the nodes have shown. Absent: none were asked for. [OVL10] */
  readonly path?: PathReport;
  /** How long changes took to get here. Absent: none came that says when it was seen. [API55] */
  readonly latency?: EdgeLatency;
  /** The newest change took longer than `LAG_MS`. Absent: it did not. [EVT15] */
  readonly lag?: EdgeLag;
}

/** A relay's report of its own cluster, sent on the home socket; the publisher's counts. */
export interface ClusterReport {
  /** CIDRs of the cluster's own pools, the widest first; at most `MAX_TOLD_POOLS`. */
  readonly pools: readonly string[];
  /** How many own pools there are, also beyond those that are told. */
  readonly poolCount: number;
  /** Pools of remotes and readers that Felix is not given, and why; at most `MAX_TOLD_POOLS`. */
  readonly withheldPools: readonly { readonly cidr: string; readonly reason: string }[];
  readonly source: SourceReport;
  /**
   * Its source has not been listed since it started: what pools there are is not known. Absent: it
   * has, or the relay is of a version that does not say.
   */
  readonly unlisted?: true;
  /** Records whose withdrawal it holds back. Absent: none. [PUB3] */
  readonly held?: number;
  /** The owner's veto. Absent: there is none. [EXP5] */
  readonly exports?: ExportReport;
  /** What it holds back, by collection. Absent: nothing. [PUB20] */
  readonly withdrawals?: readonly HeldWithdrawal[];
  /** By how much its reading of the hub's clock may be wrong, ms. Absent: not known. */
  readonly clockErrorMs?: number;
  /** Sent when it has changed, and first; absent: as before. */
  readonly overlay?: OverlaySummary;
}

/** Whether the relay still follows its own cluster. */
export interface SourceReport {
  /**
   * `following`: every collection is listed and watched. `listing`: not listed yet. `failing`: a
   * collection cannot be listed or watched now. `absent`: there is nothing to read from.
   */
  readonly state: "following" | "listing" | "failing" | "absent";
  /** In words; empty while it follows. */
  readonly reason: string;
  /** Unix ms on the relay's clock. */
  readonly sinceMs: number;
}

/** A note that an Origin asks the Mesh to take of its cluster. [VIS32] [VIS34] */
export interface ClusterNote {
  /**
   * CIDRs of the cluster's own pools, canonical and sorted; `null`: nothing is known of them now.
   */
  readonly pools: readonly string[] | null;
  /** Refused claims that nothing of the cluster asks for any more. */
  readonly dropped: readonly RangeClaim[];
  /**
   * A relay has shown a credential of this hub with this generation, which the facts do not know:
   * the hub was restored to a time before. Absent: none has. [CRE18]
   */
  readonly keyGeneration?: number;
  /** The owner's veto; `null`: there is none any more. Absent: nothing new. [EXP5] */
  readonly exports?: ExportReport | null;
  /** What the cluster says of itself for routes. Absent: nothing new. [OVL1] */
  readonly overlay?: OverlaySummary;
  /** Orders that its relays have obeyed, or had time to. Absent: none. [OVL7] */
  readonly obeyed?: readonly ObeyedOrder[];
}

/** A relay of a cluster publishes in place of one that was heard a moment before. [CRE25] */
export interface TakenOver {
  /** What the relays call themselves. */
  readonly by: string;
  readonly from: string;
  readonly atMs: number;
}
