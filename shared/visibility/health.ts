/** How well one cluster is in sync, as its Origin judges it, and what the hub tells of it. */
import type { TakenOver } from "./facts.ts";

/** Of an event: what happened, in the words that webhooks subscribe to. */
export const EVENT_TYPES = [
  "sync.lost",
  "sync.degraded",
  "sync.recovered",
  "rcc.condition_changed",
  "cluster.joined",
  "cluster.left",
  "cluster.suspended",
  "cluster.resumed",
  "origin.quarantined",
  "withdrawal.held",
  "webhook.disabled",
] as const;
export type EventType = (typeof EVENT_TYPES)[number];

export const REASON_CODES = [
  "RelayLost",
  "NotReconciled",
  "SourceFailing",
  "EdgeDown",
  "EdgeLagging",
  "EdgeLate",
  "Quarantined",
] as const;

/** Of a remote that a relay reads itself: a hub never hears them. [DIR20] */
export const DIRECT_REASON_CODES = ["RemoteLost", "RemoteConfig"] as const;

export interface HealthReason {
  /** For programs; stays. */
  readonly code: (typeof REASON_CODES | typeof DIRECT_REASON_CODES)[number];
  /** For people. */
  readonly message: string;
  /** RCCs of the cluster that it concerns; empty: all edges of the cluster. */
  readonly rccs: readonly string[];
}

/** What an Origin tells the Mesh when it changes; never by the clock alone. */
export interface ClusterHealth {
  /** `lost`: nothing is heard of the cluster. `degraded`: it is heard, and not all is in sync. */
  readonly state: "ok" | "degraded" | "lost";
  readonly reasons: readonly HealthReason[];
  /** Records of which nothing is admitted. */
  readonly quarantined: number;
  /** Records whose withdrawal its relay holds back. */
  readonly held: number;
  /** RCCs of the cluster whose view does not equal the origin's log. */
  readonly notInSync: readonly string[];
  /**
   * How the present publisher came to publish, where it took over from one that was heard; absent:
   * it did not. [CRE25]
   */
  readonly takenOver?: TakenOver | undefined;
}
