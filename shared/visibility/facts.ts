import type { Scope } from "./scope.ts";

/**
 * What the Mesh tells one cluster's Origin object, whole and versioned: who may read it, what it may read, and which addresses
 * are its own. An older `accessVersion` is ignored; only a newer one of the same mesh changes anything. [VIS3]
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
  /** Those whose grant has a scope, apart: a hub of a version that knows no scopes lets none of them read. Absent: there are none. */
  readonly scopedReaders?: readonly ScopedReader[];
  /** The cluster's own RCCs and whether each is served. */
  readonly remotes: readonly Remote[];
  /** Addresses that are this cluster's own, pinned in the Mesh. */
  readonly ranges: PinnedRanges;
  /** Claims of this cluster that the Mesh refused, so that they are not asked again. */
  readonly refusedClaims: readonly RefusedClaim[];
}

export interface ClusterRef {
  readonly uid: string;
  readonly name: string;
}

export interface Reader {
  readonly cluster: ClusterRef;
  readonly keyGeneration: number;
  /** Name of the RCC in the reading cluster. */
  readonly rcc: string;
}

/** A cluster that may read what its scope shows. */
export interface ScopedReader extends Reader {
  readonly scope: Scope;
}

export interface Remote {
  /** Name of the RCC: the remote's name everywhere in this cluster. */
  readonly rcc: string;
  readonly origin: ClusterRef;
  /** `granted`: may be watched. `not-granted`: the origin has not granted it, or no longer does: what came from it is withdrawn. */
  readonly state: "granted" | "not-granted";
  readonly overlayRoutingMode: "Enabled" | "Disabled";
  /** How the remote's labels are given to rules; absent: `original`. */
  readonly labels?: LabelMode;
  /** What of the origin its grant shows; absent: all. */
  readonly scope?: Scope;
}

/** `prefixed`: label keys have the RCC's name in them, so that only rules written for this remote match. */
export type LabelMode = "original" | "prefixed";

/** CIDRs, canonical, sorted. Pod addresses must lie in `pods`; node and host endpoint addresses in either. */
export interface PinnedRanges {
  readonly pods: readonly string[];
  readonly nodes: readonly string[];
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

/** What a relay reports of each of its RCCs on the home socket; kept in memory by its Origin. */
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
}

/** What an Origin knows of itself, for status. */
export interface OriginStatus {
  readonly cluster: ClusterRef;
  /** `connected`: its publisher has a home socket now. */
  readonly publisher: "connected" | "absent";
  /** Unix ms of the last sign of the publisher, or of the object's own start if later. */
  readonly lastSeenMs: number;
  /** Per channel: position and whether a publisher has completed a reconciliation in this epoch. */
  readonly channels: readonly {
    readonly channel: string;
    readonly epoch: string;
    readonly head: number;
    readonly populated: boolean;
    readonly received: number;
    readonly admitted: number;
    readonly digest: string;
  }[];
  readonly quarantined: number;
  /** Of each scope that its grants name: what it shows. */
  readonly scopes: readonly ScopeStatus[];
  readonly edges: readonly EdgeReport[];
}

/** A projection of the origin's identity channel. */
export interface ScopeStatus {
  readonly id: string;
  readonly scope: Scope;
  /** `building`: it does not hold all yet, and its readers are not in sync. `overfull`: it shows more than an origin's scopes may hold together. */
  readonly state: "building" | "ready" | "overfull";
  /** Over all channels. */
  readonly records: number;
  /** Of the identity channel, hex. */
  readonly digest: string;
}

/** A received record that is not admitted, and the rule that refused it. */
export interface QuarantineEntry {
  readonly origin: ClusterRef;
  readonly kind: string;
  readonly key: string;
  readonly rule: string;
  readonly message: string;
}
