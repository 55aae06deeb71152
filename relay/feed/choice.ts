/**
 * Who feeds whom. The relays of a cluster are ranked by a hash that all compute alike; the first
 * two that are alive hold sockets to the hub, and the others follow one of them. Pure. [FEE1]
 */
import { sha256 } from "../../shared/lib/hash.ts";
import { toHex } from "../../shared/lib/bytes.ts";

/** One works, one is warm. */
export const FEEDERS = 2;
/** Relays that are asked before this one goes to the hub itself. */
const MOST_ASKED = 8;

export interface Candidate {
  readonly address: string;
  /**
   * `unknown`: not heard of yet. `returning`: it was lost, and has not been back for long enough to
   * be followed.
   */
  readonly state: "self" | "unknown" | "dead" | "returning" | "alive";
  /** As it says. */
  readonly feeds: boolean;
  readonly hub: boolean;
}

export type Role =
  /** Somebody before this one has not been heard of yet. */
  | { readonly kind: "deciding" }
  | { readonly kind: "feeder" }
  | { readonly kind: "follower"; readonly feeders: readonly Candidate[] };

/** Highest random weight: who comes or goes changes nobody else's place. */
export function rank(cluster: string, addresses: readonly string[]): string[] {
  const encoder = new TextEncoder();
  const weights = new Map(
    addresses.map((address) => [address, toHex(sha256(encoder.encode(`${cluster} ${address}`)))]),
  );
  const weightOf = (address: string): string => weights.get(address) ?? "";
  return [...weights.keys()].toSorted((a, b) => (weightOf(a) < weightOf(b) ? -1 : 1));
}

/** @param ranked This relay among them; where it is not, it feeds only when nobody else does. */
export function roleOf(ranked: readonly Candidate[]): Role {
  const feeders: Candidate[] = [];
  let isUnsure = false;
  for (const candidate of ranked.slice(0, lastAsked(ranked))) {
    if (candidate.state === "self") return isUnsure ? { kind: "deciding" } : { kind: "feeder" };
    if (candidate.state === "unknown") isUnsure = true;
    if (candidate.state !== "alive" || !candidate.feeds) continue;
    feeders.push(candidate);
    if (feeders.length === FEEDERS) return { kind: "follower", feeders };
  }
  if (isUnsure) return { kind: "deciding" };
  return feeders.length === 0 ? { kind: "feeder" } : { kind: "follower", feeders };
}

/**
 * Relays to hold a connection to: those that decide this one's role. Who was lost is dialled again
 * as long as it would come first. Whose answer is still waited for may feed, so nobody after it is
 * asked: where a feeder of many ends, all the others look for the next one in the same moment.
 */
export function contacts(ranked: readonly Candidate[]): string[] {
  const asked: string[] = [];
  let enough = 0;
  for (const { address, state, feeds } of ranked.slice(0, lastAsked(ranked))) {
    if (state === "self" || enough === FEEDERS) break;
    if (state === "unknown" || (state === "alive" && feeds)) enough++;
    asked.push(address);
  }
  return asked;
}

/** Where this relay is far behind many that are dead, it goes to the hub rather than ask on. */
function lastAsked(ranked: readonly Candidate[]): number {
  const self = ranked.findIndex(({ state }) => state === "self");
  return Math.min(self < 0 ? ranked.length : self + 1, MOST_ASKED);
}

export type Route =
  | { readonly kind: "none" }
  | { readonly kind: "hub" }
  | { readonly kind: "feeder"; readonly address: string };

/** While nobody can be followed: since when. */
export interface Routing {
  readonly route: Route;
  readonly orphanSinceMs: number | null;
}

export interface RouteWaits {
  /** Both feeders are gone: then it goes to the hub itself. */
  readonly goneMs: number;
  /** They are there, and have no connection to the hub themselves. */
  readonly cutMs: number;
}

/**
 * A follower stays where it is as long as it is fed there. To the hub and back it goes after a wait
 * only: feeders that restart are not to bring the whole cluster to the hub.
 */
export function nextRouting(
  { route, orphanSinceMs }: Routing,
  role: Role,
  waits: RouteWaits,
  nowMs: number,
): Routing {
  if (role.kind === "feeder") return { route: { kind: "hub" }, orphanSinceMs: null };
  if (role.kind === "deciding") return { route, orphanSinceMs };
  const usable = role.feeders.filter(({ hub }) => hub);
  const present = usable.find(
    ({ address }) => route.kind === "feeder" && route.address === address,
  );
  const chosen = present ?? usable[0];
  if (chosen !== undefined)
    return { route: { kind: "feeder", address: chosen.address }, orphanSinceMs: null };
  const sinceMs = orphanSinceMs ?? nowMs;
  const waitMs = role.feeders.length === 0 ? waits.goneMs : waits.cutMs;
  return {
    route: nowMs - sinceMs >= waitMs ? { kind: "hub" } : route,
    orphanSinceMs: sinceMs,
  };
}
