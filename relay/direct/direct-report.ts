/** What a relay says of its direct RCCs: status, never a secret. [DIR4] [DIR8] */
import type { FieldProblem } from "../../shared/visibility/field-problem.ts";
import { summariseReadable } from "../source/source-health.ts";
import type { SourceHealth } from "../source/source-health.ts";
import type { SourceStatus } from "../source/source-status.ts";
import type { Claimed } from "./claims.ts";
import { forbiddenIn } from "./following.ts";
import type { SameBy } from "./same-cluster.ts";

export interface DirectCondition {
  readonly type: "Configured" | "Connected" | "Complete" | "Admitted" | "OverlayEstablished";
  readonly status: "True" | "False" | "Unknown";
  readonly reason: string;
  readonly message: string;
  /** ISO 8601: when the status or the reason became this. */
  readonly since: string;
}

export interface DirectReport {
  readonly rcc: string;
  /** Its document: `db.yaml:1`. */
  readonly where: string;
  readonly datastore: "kubernetes" | "etcd" | null;
  readonly conditions: readonly DirectCondition[];
  readonly ranges: Claimed["ranges"];
  readonly refusedClaims: Claimed["refused"];
  /** Records that are not the remote's own to have. */
  readonly notAdmitted: number;
  /** Records whose withdrawal is held. [PUB3] */
  readonly held: number;
  readonly source: SourceStatus | null;
}

type Unstamped = Omit<DirectCondition, "since">;

/** Conditions with the time at which each became what it is. */
export class ConditionTimes {
  readonly #since = new Map<string, { readonly of: string; readonly since: string }>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  stamp(conditions: readonly Unstamped[]): DirectCondition[] {
    return conditions.map((condition) => {
      const of = `${condition.status} ${condition.reason}`;
      const before = this.#since.get(condition.type);
      const since = before?.of === of ? before.since : new Date(this.#now()).toISOString();
      this.#since.set(condition.type, { of, since });
      return { ...condition, since };
    });
  }
}

/** How the configuration of a remote stands. */
export type Configured =
  | { readonly kind: "reading" }
  | { readonly kind: "valid" }
  | { readonly kind: "incomplete"; readonly problems: readonly FieldProblem[] }
  /** What was read last is no more to be read: the connection that was made with it stays. */
  | { readonly kind: "kept"; readonly problems: readonly FieldProblem[] }
  | { readonly kind: "self"; readonly by: Exclude<SameBy, null> };

const SAME: Readonly<Record<Exclude<SameBy, null>, string>> = {
  guid: "it has the same ClusterGUID",
  server: "its API server has the same authority and the same range of Services",
};

export function configuredCondition(configured: Configured): Unstamped {
  const type = "Configured";
  switch (configured.kind) {
    case "reading":
      return { type, status: "Unknown", reason: "Reading", message: "its files are being read" };
    case "valid":
      return { type, status: "True", reason: "Valid", message: "" };
    case "incomplete":
      return { type, status: "False", reason: "ConfigInComplete", message: inWords(configured) };
    case "kept": {
      const message = `${inWords(configured)}; the last connection that worked is kept`;
      return { type, status: "False", reason: "LastConnectionKept", message };
    }
    case "self": {
      const message = `the remote is this cluster itself: ${SAME[configured.by]}`;
      return { type, status: "False", reason: "LocalCluster", message };
    }
  }
}

const ROLE_HINT = "; `catwalk rbac remote` prints the ClusterRole that a relay needs there";

export function connectedCondition(health: SourceHealth): Unstamped {
  const type = "Connected";
  if (health.collections.length === 0)
    return { type, status: "False", reason: "NotConfigured", message: "there is nothing to read" };
  const { state, reason } = summariseReadable(health);
  if (state === "following") return { type, status: "True", reason: "Following", message: "" };
  if (state === "listing") return { type, status: "Unknown", reason: "Listing", message: reason };
  if (state === "absent") return { type, status: "False", reason: "Absent", message: reason };
  const isForbidden = /\b403\b|forbidden|permission denied/i.test(reason);
  return isForbidden
    ? { type, status: "False", reason: "Forbidden", message: `${reason}${ROLE_HINT}` }
    : { type, status: "False", reason: "Failing", message: reason };
}

/** Whether the account may list all that is followed; the rest is as if it were not there. */
export function completeCondition(health: SourceHealth): Unstamped {
  const type = "Complete";
  const forbidden = forbiddenIn(health);
  if (forbidden.length > 0) {
    const words = forbidden.map(({ name, reason, objects }) => {
      const stays = objects > 0 ? " (what is known of it stays)" : "";
      return `${name}: ${reason}${stays}`;
    });
    const message = `${words.join("; ")}${ROLE_HINT}`;
    return { type, status: "False", reason: "Forbidden", message };
  }
  const { state } = summariseReadable(health);
  if (state === "following") return { type, status: "True", reason: "AllListed", message: "" };
  return { type, status: "Unknown", reason: "NotListed", message: "not all was listed yet" };
}

export function admittedCondition(
  notAdmitted: number,
  refused: DirectReport["refusedClaims"],
): Unstamped {
  const type = "Admitted";
  if (notAdmitted === 0 && refused.length === 0)
    return { type, status: "True", reason: "OwnAddresses", message: "" };
  const message = [
    ...(notAdmitted === 0 ? [] : [`${notAdmitted} records are not the remote's own to have`]),
    ...refused.slice(0, 8).map(({ reason }) => reason),
  ].join("; ");
  return { type, status: "False", reason: refused.length > 0 ? "RangeRefused" : "NotOwn", message };
}

/** Without a hub nothing is known of the other side. */
export function overlayCondition(mode: "Enabled" | "Disabled"): readonly Unstamped[] {
  if (mode === "Disabled") return [];
  const message =
    "what the other side has of this cluster cannot be known without a hub: no routes are made";
  return [{ type: "OverlayEstablished", status: "Unknown", reason: "OtherSideUnknown", message }];
}

export function inWords({ problems }: { readonly problems: readonly FieldProblem[] }): string {
  return problems.map(({ field, rule }) => `${field}: ${rule}`).join("; ");
}
