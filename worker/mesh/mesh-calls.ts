/** What the Worker asks of a Mesh object. Plain values only: they cross an RPC boundary. */
import type { PathPhase } from "../../shared/overlay/path-check.ts";
import type { LabelMode, PinnedRanges, RefusedClaim } from "../../shared/visibility/facts.ts";
import type { FieldProblem } from "../../shared/visibility/field-problem.ts";
import type { RccRequest } from "../../shared/visibility/rcc.ts";
import type { Scope } from "../../shared/visibility/scope.ts";
import type { HeldWithdrawal, WithdrawalOrder } from "../../shared/visibility/withdrawal-order.ts";
import type { CallNames } from "./calls-by-name.ts";
import type { IfMatch } from "./entity-tag.ts";
import type { Grant } from "./grants.ts";
import type { Joined, NewToken } from "./membership.ts";
import type { ApiWriter } from "./owner.ts";
import type { Outcome } from "./outcome.ts";
import type { ClusterRcc, MemberRcc, Rcc, RccsPart } from "./rccs.ts";
import type { PathOverview } from "./path-checks.ts";
import type { RangesChange } from "./ranges.ts";
import type { OverlayOverview, PairOverview } from "./preflight-view.ts";
import type { AuditRow, MeshRow } from "./registry.ts";
import type { HealthRow } from "./webhooks/rows.ts";

/** A change, and whether every Origin that it concerns held it when the call returned. */
export type Changed<T> = T & { readonly propagated: boolean };

export interface Member {
  readonly uid: string;
  readonly name: string;
  readonly createdMs: number;
  readonly keyGeneration: number;
  readonly joined: boolean;
  readonly ranges: PinnedRanges;
  readonly given: readonly string[];
  /** CIDRs of its own pools, as its Origin has noted them. */
  readonly pools: readonly string[];
  readonly refusedClaims: readonly RefusedClaim[];
  readonly suspended: boolean;
  /** The veto of its owner, in one line; `null`: there is none. [EXP5] */
  readonly exportPolicy: string | null;
  /** As webhooks are told. */
  readonly health: HealthRow;
}

export interface NotServed extends FieldProblem {
  readonly clusterUid: string;
  readonly rcc: string;
  /** Whether the RCC names a member, and only this part of it is not done. */
  readonly isServed: boolean;
}

/** The registry as status shows it. */
export interface MeshOverview {
  readonly mesh: MeshRow;
  readonly accessVersion: number;
  /** Unix ms of a restore that no operator has confirmed; `null`: there is none. */
  readonly unconfirmedRestore: number | null;
  readonly clusters: readonly Member[];
  readonly edges: readonly {
    readonly clusterUid: string;
    readonly rcc: MemberRcc;
    /** Of the grant's scope; `null`: it shows all. */
    readonly scopeId: string | null;
    readonly overlay: OverlayOverview;
  }[];
  /** What RCCs ask for and this version does not do. [VIS40] */
  readonly notServed: readonly NotServed[];
  /** UIDs whose Origin has not acknowledged its facts. */
  readonly unacknowledged: readonly string[];
}

/** What a cluster may see. */
export interface ViewOverview {
  readonly accessVersion: number;
  readonly mesh: { readonly id: string; readonly name: string };
  readonly cluster: { readonly uid: string; readonly name: string };
  readonly origins: readonly {
    readonly rcc: string | null;
    readonly origin: { readonly uid: string; readonly name: string };
    readonly labels: LabelMode;
  }[];
}

/** What the admin API and a joining relay ask of a Mesh. */
export interface MeshAdmin {
  createMesh(name: string): Promise<Outcome<MeshRow>>;
  getMesh(): Promise<Outcome<MeshRow>>;
  deleteMesh(): Promise<Outcome<Changed<object>>>;
  /** See `Mesh.confirmRestore`. */
  confirmRestore(): Promise<Outcome<Changed<object>>>;
  addCluster(
    name: string,
    ranges?: RangesChange,
  ): Promise<Outcome<Changed<{ readonly cluster: Member; readonly token: NewToken }>>>;
  /**
   * Gives the cluster these ranges; refused where that would take an address from what is admitted
   * now.
   */
  setRanges(
    name: string,
    change: RangesChange,
  ): Promise<Outcome<Changed<{ readonly cluster: Member }>>>;
  /** By name; of a part at least those after its cursor, and one more than its limit. */
  listClusters(part?: RccsPart): Promise<Outcome<readonly Member[]>>;
  getCluster(name: string): Promise<Outcome<Member>>;
  removeCluster(name: string): Promise<Outcome<Changed<object>>>;
  /** Whether it is to be suspended, or no longer. [VIS50] */
  suspendCluster(name: string, isSuspended: boolean): Promise<Outcome<Changed<object>>>;
  newToken(name: string): Promise<Outcome<NewToken>>;
  /** See `decideWithdrawals`. */
  decideWithdrawals(
    cluster: string,
    decision: WithdrawalOrder["decision"],
    held: readonly HeldWithdrawal[],
    collection: string | null,
  ): Promise<Outcome<Changed<{ readonly keys: number }>>>;
  join(
    tokenHash: string,
    kid: string,
    hasProof: boolean,
    isBeside?: boolean,
  ): Promise<Outcome<Joined>>;
  applyRcc(
    cluster: string,
    request: RccRequest,
    mode: "create" | "apply",
    writer?: ApiWriter,
    ifMatch?: IfMatch,
  ): Promise<Outcome<Changed<{ readonly rcc: Rcc; readonly isNew: boolean }>>>;
  listRccs(cluster: string): Promise<Outcome<readonly Rcc[]>>;
  listAllRccs(part?: RccsPart): Promise<Outcome<readonly ClusterRcc[]>>;
  getRcc(cluster: string, name: string): Promise<Outcome<Rcc>>;
  deleteRcc(
    cluster: string,
    name: string,
    writer?: ApiWriter,
    ifMatch?: IfMatch,
  ): Promise<Outcome<Changed<object>>>;
  /** @param scope Canonical; `null` (the default) for all of the origin. */
  createGrant(
    origin: string,
    reader: string,
    scope?: Scope | null,
  ): Promise<Outcome<Changed<{ readonly grant: Grant }>>>;
  /** @param ifMatch See `requireNamedState`; so for the other changes. */
  applyGrant(
    origin: string,
    reader: string,
    scope: Scope | null,
    writer?: ApiWriter,
    ifMatch?: IfMatch,
  ): Promise<Outcome<Changed<{ readonly grant: Grant; readonly isNew: boolean }>>>;
  deleteGrant(
    origin: string,
    reader: string,
    writer?: ApiWriter,
    ifMatch?: IfMatch,
  ): Promise<Outcome<Changed<object>>>;
  getGrant(origin: string, reader: string): Promise<Outcome<Grant>>;
  /** @param origin Name, or `null` for all. */
  listGrants(origin: string | null): Promise<Outcome<readonly Grant[]>>;
  overview(): Promise<Outcome<MeshOverview>>;
  viewOf(cluster: string): Promise<Outcome<ViewOverview>>;
  /** Without names: all pairs. */
  preflight(names: {
    readonly cluster?: string | undefined;
    readonly to?: string | undefined;
  }): Promise<Outcome<readonly PairOverview[]>>;
  /** See `orderPath`. */
  orderPath(
    cluster: string,
    to: string,
    phase: PathPhase,
    pairs: number,
  ): Promise<Outcome<Changed<PathOverview>>>;
  /** See `pathOf`. */
  pathOf(cluster: string, to: string): Promise<Outcome<PathOverview>>;
  /** Newest first. */
  audit(limit: number): Promise<Outcome<readonly AuditRow[]>>;
}

export const MESH_ADMIN_CALLS: CallNames<MeshAdmin> = {
  createMesh: true,
  getMesh: true,
  deleteMesh: true,
  confirmRestore: true,
  addCluster: true,
  setRanges: true,
  listClusters: true,
  getCluster: true,
  removeCluster: true,
  suspendCluster: true,
  newToken: true,
  decideWithdrawals: true,
  join: true,
  applyRcc: true,
  listRccs: true,
  listAllRccs: true,
  getRcc: true,
  deleteRcc: true,
  createGrant: true,
  applyGrant: true,
  deleteGrant: true,
  getGrant: true,
  listGrants: true,
  overview: true,
  viewOf: true,
  preflight: true,
  orderPath: true,
  pathOf: true,
  audit: true,
};

/** The hub's list of meshes. */
export interface DirectoryCalls {
  /**
   * Whether a mesh of this name was made and not deleted; answered from memory, and writes nothing.
   */
  hasMesh(name: string): Promise<boolean>;
  noteMesh(name: string, id: string, createdMs: number): Promise<void>;
  forgetMesh(name: string): Promise<void>;
  listMeshes(): Promise<
    readonly { readonly name: string; readonly id: string; readonly createdMs: number }[]
  >;
}

export const DIRECTORY_CALLS: CallNames<DirectoryCalls> = {
  hasMesh: true,
  noteMesh: true,
  forgetMesh: true,
  listMeshes: true,
};
