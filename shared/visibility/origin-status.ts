/** What an Origin says of itself, for status and quarantine. */
import type { EdgeRelays } from "./edge-latency.ts";
import type { ClusterRef, ClusterReport, EdgeReport, TakenOver } from "./facts.ts";
import type { Scope } from "./scope.ts";

/** The state of an Origin, for status. */
export interface OriginStatus {
  readonly cluster: ClusterRef;
  /** `connected`: its publisher has a home socket now. */
  readonly publisher: "connected" | "absent";
  /** Of the present publisher. */
  readonly takenOver: TakenOver | null;
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
    /** Bytes of admitted and of refused records, as they are stored. [LOG68] */
    readonly admittedBytes: number;
    readonly refusedBytes: number;
  }[];
  /** Records of which nothing is admitted. */
  readonly quarantined: number;
  /** Endpoints among them. */
  readonly quarantinedEndpoints: number;
  /** Endpoints that are admitted without some of their addresses. [ADM11] */
  readonly partlyAdmitted: number;
  /** Its publisher's report of the cluster; `null` before the first one. */
  readonly report: ClusterReport | null;
  /** Of each scope that its grants name: what it shows. */
  readonly scopes: readonly ScopeStatus[];
  readonly edges: readonly EdgeReport[];
  /** Relays that are connected. */
  readonly relays: number;
  /** Of each edge, how its relays are. */
  readonly edgeRelays: readonly EdgeRelays[];
}

/** A projection of the origin's identity channel. */
export interface ScopeStatus {
  readonly id: string;
  readonly scope: Scope;
  /**
   * `building`: it does not hold all yet, and its readers are not in sync. `overfull`: it shows
   * more than an origin's scopes may hold together.
   */
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
