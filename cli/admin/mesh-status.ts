/** The status document of the admin API, as the command line reads it. */
import type { ScopeStatus } from "../../shared/visibility/facts.ts";

export interface EdgeStatus {
  readonly cluster: { readonly uid: string; readonly name: string };
  readonly rcc: string;
  readonly origin: { readonly uid: string; readonly name: string };
  readonly state: "granted" | "not-granted";
  readonly connection: string;
  /** Calico's value of the edge as a whole. */
  readonly connectionStatus: number | null;
  /** The same, as the reading relay says it of its view. A hub of the version before has none. */
  readonly reportedStatus?: number | null;
  readonly reasons?: readonly { readonly code: string; readonly message: string }[];
  readonly endpoints: number | null;
  readonly refused: number | null;
  readonly quarantined?: number | null;
  readonly withheld?: number | null;
  readonly conflicts?: number;
  readonly readerPools?: { readonly shared: boolean; readonly cidrs: readonly string[] };
  readonly revision: number | null;
  readonly digest: string | null;
  readonly ageMs: number | null;
}

export interface ClusterStatus {
  readonly cluster: { readonly uid: string; readonly name: string };
  readonly joined: boolean;
  readonly publisher: "connected" | "absent" | "unknown";
  readonly ageMs: number | null;
  readonly quarantined: number | null;
  readonly partlyAdmitted?: number | null;
  readonly source?: {
    readonly state: "following" | "listing" | "failing" | "absent";
    readonly reason: string;
    readonly since: string;
  } | null;
  readonly withheldPools?: readonly { readonly cidr: string; readonly reason: string }[];
  readonly factsAcknowledged: boolean;
  readonly refusedClaims: number;
  /** A hub of a version that knows no scopes has none. */
  readonly scopes?: readonly ScopeStatus[];
  readonly error?: string;
}

export interface MeshStatus {
  readonly mesh: {
    readonly name: string;
    readonly id: string;
    readonly accessVersion: number;
    readonly unconfirmedRestore?: string | null;
  };
  readonly at: string;
  readonly clusters: readonly ClusterStatus[];
  readonly edges: readonly EdgeStatus[];
  /** A hub of the version before has none. */
  readonly notServed?: readonly NotServedStatus[];
}

/** What an RCC asks for and the hub does not do. [VIS40] */
export interface NotServedStatus {
  readonly cluster: { readonly uid: string; readonly name: string };
  readonly rcc: string;
  readonly field: string;
  readonly rule: string;
  /** The RCC names a member: only this field is without effect. */
  readonly isServed: boolean;
}
