/**
 * How the objects of the hub reach each other. Calls may be lost, repeated and reordered; each is
 * idempotent.
 */
import type {
  ClusterNote,
  OriginFacts,
  PinnedRanges,
  RangeClaim,
} from "../shared/visibility/facts.ts";
import type { OriginStatus, QuarantineEntry } from "../shared/visibility/origin-status.ts";
import type { ClusterHealth } from "../shared/visibility/health.ts";
import type { Scope } from "../shared/visibility/scope.ts";

/** Where a mesh's objects are found. */
export interface MeshRef {
  readonly id: string;
  readonly name: string;
}

/** Name of the Durable Object of a cluster's Origin. UIDs are unique hub-wide. */
export function originObjectName(meshId: string, clusterUid: string): string {
  return `${meshId}:${clusterUid}`;
}

/** A token that a relay has shown, and that opens one connection. [CRE21] */
export interface ShownToken {
  readonly id: string;
  /** Unix ms by the relay's clock. */
  readonly issuedMs: number;
}

/** `clock-skew`: issued so long ago that it may have been used already. */
export type TokenPermit = "yes" | "token-used" | "clock-skew";

/** A relay with a credential of this hub wants to read an origin. */
export interface Dial {
  readonly meshName: string;
  /** UID of the relay's own cluster, whose Origin is asked. */
  readonly clusterUid: string;
  readonly keyGeneration: number;
  readonly originUid: string;
  /** `null`: of a relay of the version before, whose tokens have no id. */
  readonly token: ShownToken | null;
}

/** `not-ready`: the Mesh has not answered yet. */
export type DialPermit =
  | TokenPermit
  | "access-denied"
  | "unauthenticated"
  | "removed"
  | "not-ready";

/** What of an origin a reader is shown. */
export type Shown = "nothing" | "all" | Scope;

export interface EffectCounts {
  readonly endpoints: number;
  /** Different ones, of those endpoints. */
  readonly namespaces: number;
  /** Of all kinds. */
  readonly records: number;
}

/** What becomes of an origin's records for a reader that is shown something else. [API50] */
export interface ShownDifference {
  readonly appear: EffectCounts;
  readonly disappear: EffectCounts;
  /** Shown before and after, with other labels. */
  readonly change: EffectCounts;
  /** Of endpoints that appear, in ranges that clusters share; at most `MOST_SHARED`. */
  readonly sharedAddresses: readonly string[];
}

/** Addresses that one question about an effect takes with it. */
export const MOST_SHARED = 20_000;

/**
 * RPC surface of an Origin object (besides `fetch`, which takes the WebSocket upgrades that the
 * Worker has authenticated).
 */
export interface OriginCalls {
  /**
   * Takes facts if they are newer (or of a mesh incarnation it did not know); answers the version
   * it now holds.
   */
  setFacts(facts: OriginFacts): Promise<{ readonly accessVersion: number }>;
  /** What this cluster's own facts say of a relay of it that dials another origin. [CRE15] */
  mayDial(dial: Dial): Promise<DialPermit>;
  status(): Promise<OriginStatus>;
  quarantine(limit: number): Promise<readonly QuarantineEntry[]>;
  /** Of what is admitted now at most so many records that these ranges would refuse. */
  refusedBy(
    ranges: PinnedRanges,
    most: number,
  ): Promise<readonly { readonly key: string; readonly message: string }[]>;
  /**
   * What would appear and disappear. Read in short steps, beside everything else. [API51]
   * @param shared CIDRs in which addresses that appear are told.
   */
  compareShown(before: Shown, after: Shown, shared: readonly string[]): Promise<ShownDifference>;
  /** Which of these addresses endpoints have of what is shown. Read in short steps. */
  whichHeld(addresses: readonly string[], shown: Shown): Promise<readonly string[]>;
}

/** RPC surface of a Mesh object that Origins call. */
export interface MeshCalls {
  /** Current facts of a cluster; `null` when the mesh never knew it. */
  pullFacts(clusterUid: string): Promise<OriginFacts | null>;
  /** First claims: pins what may be pinned, remembers what may not, answers the resulting facts. */
  claimRanges(clusterUid: string, claims: readonly RangeClaim[]): Promise<OriginFacts | null>;
  /** Notes what an Origin knows of its cluster; answers the resulting facts. */
  noteCluster(clusterUid: string, note: ClusterNote): Promise<OriginFacts | null>;
  /** Notes how well a cluster is in sync; what has changed becomes events. [EVT3] */
  noteHealth(clusterUid: string, health: ClusterHealth): Promise<void>;
}

/**
 * Headers that the Worker sets on a request it passes to an Origin; anything of that name from
 * outside is removed first.
 */
export const INTERNAL_HEADERS = {
  /**
   * `home`: the cluster's own relay. `watch`: a relay of another cluster. `admin`: the admin API
   * reads as a cluster would.
   */
  role: "catwalk-internal-role",
  /** UID of the cluster that reads or publishes. */
  clusterUid: "catwalk-internal-cluster",
  keyGeneration: "catwalk-internal-key-generation",
  /** Mesh id and the Origin's own UID: an object cannot learn its name from its id. */
  meshId: "catwalk-internal-mesh",
  meshName: "catwalk-internal-mesh-name",
  originUid: "catwalk-internal-origin",
  /** Of the token, on the way to the Origin of the relay's own cluster; empty where it has none. */
  tokenId: "catwalk-internal-token",
  tokenIssuedMs: "catwalk-internal-token-issued",
} as const;
