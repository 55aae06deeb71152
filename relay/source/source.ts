/**
 * The interface of every source (kubernetes, manifests, typha): typed changes of
 * one cluster, in order per key.
 *
 * A source owns its retries and never gives up: an unreachable API server is a matter of its
 * health, not an exception. It deletes a key only when it saw the object go or when a complete list
 * lacks it; a failed or partial list deletes nothing. [SRC1]
 */
import type { EncodedChange } from "../../shared/record/encoding.ts";
import type { JsonObject } from "../kube/kube-object.ts";
import type { CollectionReading } from "./source-health.ts";

export interface SourceSink {
  /** Newest state per key, in the order it happened. Never called with an unchanged record. */
  apply(changes: readonly EncodedChange[]): void;
  /**
   * Called once, when every kind that the source follows has been listed completely (an absent CRD
   * is an empty list). Of a direct remote: every kind that the account may list, and again when it
   * may list more.
   */
  listed(): void;
  /**
   * An object that gives no record although one might expect it: told, counted, never silent.
   * Repeats replace by `object`.
   */
  problem(problem: SourceProblem): void;
  /** A problem reported earlier is over. */
  solved(object: string): void;
  /** Services and EndpointSlices have been listed completely, once. Absent: nobody asks. */
  servicesListed?(): void;
  /**
   * A Service that others may fill, as the cluster has it; `null`: it is gone, or is none any more.
   * Absent: nobody asks.
   */
  fillable?(id: string, object: JsonObject | null): void;
}

/** How a direct remote is followed. */
export interface RemoteReading {
  /** Kinds that are not followed: nothing needs them. [DIR15] */
  readonly without: ReadonlySet<string>;
}

export interface SourceProblem {
  /** Which object: `Pod shop/web`, or `pods.yaml:12` for a file. */
  readonly object: string;
  /** The fault, naming the field and the rule. */
  readonly message: string;
}

export interface Source {
  /** Starts following; returns at once. Everything comes through the sink. */
  start(sink: SourceSink): void;
  /**
   * Follows Services and EndpointSlices as well from here on. Absent: it always does, or cannot.
   * [SVC3]
   */
  followServices?(): void;
  /** The state of those collections; absent where `health` has it. */
  servicesHealth?(): { readonly collections: readonly CollectionReading[] };
  /** Stops following. No call of the sink happens after it resolves. */
  stop(): Promise<void>;
  /** The present state of each followed collection; `source-health.ts` adds since when. */
  health(): { readonly collections: readonly CollectionReading[] };
  /**
   * The cluster's own policies and what goes with them, read now: the objects as the cluster has
   * them, of the kinds in `relay/kube/policy-kinds.ts`, so that `catwalk policy` can say what their
   * rules hold. They are never published.
   */
  policies(): Promise<ClusterPolicies>;
}

export interface ClusterPolicies {
  readonly items: readonly PolicyObject[];
  /** Kinds beside policies that could not be read: an account may lack the right. */
  readonly unread: readonly { readonly kind: string; readonly message: string }[];
}

/** A policy as written by its author: the Kubernetes object, unparsed beyond JSON. */
export interface PolicyObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: unknown;
  };
  readonly spec?: unknown;
}
