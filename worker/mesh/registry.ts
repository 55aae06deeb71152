/**
 * What a Mesh object keeps: rows in collections, each addressed by an id whose prefix is the
 * cluster it belongs to, so that everything of one cluster is one range scan. Rows hold no secrets
 * but those that sign webhooks: tokens are hashes, keys are public.
 */
import type { PathOrder } from "../../shared/overlay/path-check.ts";
import type { OverlaySummary } from "../../shared/overlay/summary.ts";
import type { MemberRow } from "../../shared/visibility/access.ts";
import type { ExportReport } from "../../shared/visibility/export-report.ts";
import type { OverlayOrder } from "../../shared/visibility/overlay-order.ts";
import type { RangeUse } from "../../shared/visibility/facts.ts";
import type { RccSpec } from "../../shared/visibility/rcc-connection.ts";
import type { Scope } from "../../shared/visibility/scope.ts";
import type { WithdrawalOrder } from "../../shared/visibility/withdrawal-order.ts";
import type { IdempotencyRow } from "./idempotency-row.ts";
import type { ApiTokenRow } from "./tokens/token-row.ts";
import type { DeliveryRow, DueRow, EventRow, HealthRow, WebhookRow } from "./webhooks/rows.ts";

export interface MeshRow {
  /** Random: a mesh made again under its name is another one. */
  readonly id: string;
  readonly name: string;
  readonly createdMs: number;
  readonly removed: boolean;
}

export interface ClusterRow extends MemberRow {
  readonly createdMs: number;
  /**
   * The key that may speak for the cluster now; older ones are retired by its generation. `null`
   * before the first join.
   */
  readonly key: { readonly kid: string; readonly addedMs: number } | null;
  /** Given out beside that one, and not shown by a relay yet. [CRE30] */
  readonly next?: { readonly kid: string; readonly generation: number } | null;
  /** Uses whose ranges an operator gave: no first claims there. */
  readonly given: readonly RangeUse[];
  readonly removedMs: number | null;
}

/** Id: the name of a member that has not been removed. */
export interface NameRow {
  readonly uid: string;
}

/** Id: SHA-256 of the token's text, hex. */
export interface TokenRow {
  readonly clusterUid: string;
  readonly expiresMs: number;
  /** Thumbprint of the key that used it. */
  readonly usedBy: string | null;
}

/** An RCC or a grant. */
export interface OwnedRow {
  /**
   * UID of the CRD whose custom resource it is; empty: handed over to the cluster, which has not
   * taken it up. Absent: it is the API's. A hub of the version before takes it for the API's.
   */
  readonly under?: string;
}

/** Id: `<cluster uid>/<remote uid>`: one RCC for a remote is a property of the id. */
export interface RccRow extends OwnedRow {
  readonly name: string;
  readonly remoteUid: string;
  readonly overlayRoutingMode: "Enabled" | "Disabled";
  readonly annotations: Readonly<Record<string, string>>;
  readonly spec: RccSpec;
  readonly createdMs: number;
}

/**
 * Id: `<cluster uid>/<name>`. One with connection fields: it names no member, and a hub of a
 * version that does not know it has no such RCC. [VIS40]
 */
export interface DirectRccRow extends OwnedRow {
  readonly name: string;
  readonly annotations: Readonly<Record<string, string>>;
  readonly spec: RccSpec;
  readonly createdMs: number;
}

/** Id: `<origin uid>/<reader uid>`. It shows all of the origin. */
export interface GrantRow extends OwnedRow {
  readonly createdMs: number;
}

/**
 * Id: as `GrantRow`. Apart, so that a hub of a version that knows no scopes has no such grant,
 * instead of one of everything. [SCP3]
 */
export interface ScopedGrantRow extends GrantRow {
  readonly scope: Scope;
}

/** A grant of all that the origin has. */
export interface WholeGrant extends GrantRow {
  readonly scope: null;
}

/** Id: `<cluster uid>/<use>/<cidr>`. */
export interface RangeRow {
  readonly clusterUid: string;
  /**
   * `shared`: for pods and nodes, and other clusters may have it too. A hub of the version before
   * admits nothing there.
   */
  readonly use: RangeUse | "shared";
  readonly cidr: string;
  readonly from: "operator" | "first-claim";
}

/** Id: `<cluster uid>`. The cluster's own pools, as its Origin has noted them. */
export interface PoolsRow {
  /** Canonical, sorted; at most `MAX_TOLD_POOLS`. */
  readonly cidrs: readonly string[];
}

/** Id: as `RangeRow`. */
export interface RefusedRow {
  readonly use: RangeUse;
  readonly cidr: string;
  readonly reason: string;
  /** The cluster whose range was in the way: when it goes, the claim may be made again. */
  readonly conflictUid: string | null;
}

/** Id: `<cluster uid>`. Facts that its Origin has not acknowledged. */
export interface OutboxRow {
  readonly version: number;
  readonly attempts: number;
  readonly dueMs: number;
}

/** Id: a zero-padded sequence number; after `members/` for what members did themselves. */
export interface AuditRow {
  readonly atMs: number;
  /** `admin`, or `cluster <name>` for what a member did itself. */
  readonly who: string;
  readonly action: string;
  readonly subject: string;
}

/**
 * Id: `version`, `audit` and `audit-members` (last numbers), `restored` (Unix ms of the last
 * restore that was noted), `confirmed` (the same, of the last one that was confirmed), `pairs`
 * (last number of a pair with routes).
 */
export interface CounterRow {
  readonly value: number;
}

/** Id: `<cluster uid>`. What the cluster says of itself for routes. */
export interface SummaryRow {
  /** `summaryHash` of it. */
  readonly hash: string;
  readonly summary: OverlaySummary;
}

/** Id: `<cluster uid>`. The veto of the cluster's owner, as its relay has told. */
export type ExportsRow = ExportReport;

/** Id: two clusters' UIDs, the lower first. A pair that has routes, or gets or loses them. */
export interface PairRow extends Pick<OverlayOrder, "phase" | "step" | "since"> {
  /** UID of each cluster whose relays have obeyed `step` → relays that have not. */
  readonly acks: Readonly<Record<string, readonly string[]>>;
  /** As the first cluster's relays are told. Absent: nobody has asked. */
  readonly path?: PathOrder;
}

/** Id: as `PairRow`, the higher UID first: to find the pairs of a cluster. */
export type PairBackRow = Readonly<Record<string, never>>;

/** Id (directory only): a mesh's name. */
export interface DirectoryRow {
  readonly id: string;
  readonly createdMs: number;
}

export interface Collections {
  readonly mesh: MeshRow;
  readonly clusters: ClusterRow;
  readonly tokens: TokenRow;
  readonly rccs: RccRow;
  readonly grants: GrantRow;
  readonly ranges: RangeRow;
  readonly refused: RefusedRow;
  readonly outbox: OutboxRow;
  readonly audit: AuditRow;
  readonly counters: CounterRow;
  readonly directory: DirectoryRow;
  readonly names: NameRow;
  readonly scoped: ScopedGrantRow;
  readonly pools: PoolsRow;
  readonly direct: DirectRccRow;
  readonly events: EventRow;
  readonly webhooks: WebhookRow;
  readonly due: DueRow;
  readonly deliveries: DeliveryRow;
  readonly health: HealthRow;
  readonly apitokens: ApiTokenRow;
  readonly summaries: SummaryRow;
  readonly pairs: PairRow;
  readonly "pairs-back": PairBackRow;
  readonly exports: ExportsRow;
  /** Id: `<cluster uid>`. */
  readonly withdrawals: WithdrawalOrder;
  readonly idempotency: IdempotencyRow;
}

/** The position of a name is its number in storage: append only. */
export const COLLECTIONS = [
  "mesh",
  "clusters",
  "tokens",
  "rccs",
  "grants",
  "ranges",
  "refused",
  "outbox",
  "audit",
  "counters",
  "directory",
  "names",
  "scoped",
  "pools",
  "direct",
  "events",
  "webhooks",
  "due",
  "deliveries",
  "health",
  "apitokens",
  "summaries",
  "pairs",
  "pairs-back",
  "exports",
  "withdrawals",
  "idempotency",
] as const satisfies readonly (keyof Collections)[];

/** Bounds of one mesh; at each, the request is refused by name and nothing changes. [VIS27] */
export const MESH_LIMITS = {
  clusters: 10_000,
  rccsPerCluster: 1_000,
  unusedTokensPerCluster: 16,
  /** Of the operator, and as many of members. The oldest rows go. */
  auditRows: 10_000,
  /**
   * Removed clusters that are remembered, so that a late Origin or relay of theirs hears it. The
   * oldest are forgotten.
   */
  removedClusters: 10_000,
  meshes: 10_000,
  /** Different ones that an origin's grants name: its log has a projection for each. [SCP2] */
  scopesPerOrigin: 16,
  /**
   * Of the scopes that the facts of one cluster name, as JSON: facts are one row of its Origin, and
   * one message. [SCP2]
   */
  scopeBytesPerCluster: 256 * 1024,
} as const;
