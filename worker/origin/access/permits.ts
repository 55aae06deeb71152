/** Who may read, and who may publish: pure decisions over facts and terms. */
import type { CloseReason } from "../../../shared/protocol/errors.ts";
import type { HomeHello } from "../../../shared/protocol/messages.ts";
import type { OriginFacts } from "../../../shared/visibility/facts.ts";
import type { Scope } from "../../../shared/visibility/scope.ts";
import type { Dial, DialPermit } from "../../ports.ts";
import type { PublisherTerm } from "../log/log-store.ts";
import type { Peer } from "../ports.ts";

type DialOf = Pick<Dial, "originUid" | "keyGeneration">;

export type Permit = "yes" | { readonly reason: CloseReason; readonly message: string };

/** A reader needs to be in the origin's own access list; a cluster may always see what is its own. [VIS5] */
export function mayRead(peer: Peer, facts: OriginFacts): Permit {
  if (facts.removed)
    return {
      reason: "removed",
      message: `cluster ${facts.cluster.name} was removed from the mesh`,
    };
  if (peer.clusterUid === facts.cluster.uid) return "yes";
  const reader = [...facts.readers, ...(facts.scopedReaders ?? [])].find(
    ({ cluster }) => cluster.uid === peer.clusterUid,
  );
  if (reader === undefined)
    return {
      reason: "access-denied",
      message: `cluster ${facts.cluster.name} is not readable for this cluster now`,
    };
  if (peer.role === "watch" && peer.keyGeneration < reader.keyGeneration)
    return { reason: "unauthenticated", message: "the cluster's key was replaced by a newer one" };
  return "yes";
}

/**
 * Why a credential of this cluster itself is over; `null` where it is not, or nothing is known yet.
 */
export function keyPermit(peer: Peer, facts: OriginFacts | null): Exclude<Permit, "yes"> | null {
  if (facts === null || peer.role === "admin") return null;
  if (facts.removed) return { reason: "removed", message: "the cluster was removed from the mesh" };
  if (peer.clusterUid === facts.cluster.uid && peer.keyGeneration < facts.keyGeneration)
    return {
      reason: "unauthenticated",
      message: "the cluster's key was replaced by a newer one",
    };
  return null;
}

/**
 * Whether a relay of a cluster may dial an origin, by what that cluster's own Origin was told: it
 * names every origin that an RCC of the cluster names, granted or not. So a UID that somebody makes
 * up never reaches an object of its own. [CRE15]
 * @param isFresh The Mesh has answered since this Origin started: until then what the facts
 *   refuse may be allowed by newer ones.
 */
export function mayDial(facts: OriginFacts | null, dial: DialOf, isFresh: boolean): DialPermit {
  if (facts === null) return "not-ready";
  const permit = dialPermit(facts, dial);
  return permit === "yes" || isFresh ? permit : "not-ready";
}

function dialPermit(facts: OriginFacts, { originUid, keyGeneration }: DialOf): DialPermit {
  if (facts.removed) return "removed";
  if (keyGeneration < facts.keyGeneration) return "unauthenticated";
  if (facts.cluster.uid === originUid) return "yes";
  const isNamed = facts.remotes.some(({ origin }) => origin.uid === originUid);
  return isNamed ? "yes" : "access-denied";
}

/** What of the origin a peer that may read it sees; `null`: all. [SCP5] */
export function scopeOf({ clusterUid }: Peer, facts: OriginFacts): Scope | null {
  return facts.scopedReaders?.find(({ cluster }) => cluster.uid === clusterUid)?.scope ?? null;
}

/** What a hello says of who should publish. */
export type PublishClaim = Pick<HomeHello, "leaseUid" | "term" | "candidate">;

export type TermPlan =
  | { readonly kind: "accepted"; readonly term: PublisherTerm }
  | { readonly kind: "standby" }
  | { readonly kind: "superseded"; readonly message: string };

/** Heartbeats come every 5 s: a publisher that has missed four is taken for gone, as its relay takes the hub. [FLT4] */
export const SILENT_MS = 20_000;

/**
 * Whether a publisher with this term may take over. Terms compare within one Lease only: a Lease that was made anew has another UID and
 * starts over. Without a Lease the hub hands out the terms, and who finds a publisher there stands by. [VIS6] [VIS30]
 * @param isTaken Another socket of the cluster publishes, and was heard of within `SILENT_MS`.
 */
export function planTerm(current: PublisherTerm, hello: PublishClaim, isTaken: boolean): TermPlan {
  if (hello.candidate !== null && hello.leaseUid === "") {
    const isBack = current.leaseUid === "" && hello.term > 0 && hello.term === current.term;
    if (isTaken) return { kind: "standby" };
    return isBack
      ? { kind: "accepted", term: current }
      : planTerm(current, { leaseUid: "", term: 0, candidate: null }, false);
  }
  if (hello.leaseUid === "" && hello.term === 0)
    return {
      kind: "accepted",
      term: { leaseUid: "", term: (current.leaseUid === "" ? current.term : 0) + 1 },
    };
  if (hello.leaseUid === current.leaseUid && hello.term < current.term)
    return {
      kind: "superseded",
      message: `term ${hello.term} is older than ${current.term}: another relay publishes`,
    };
  return { kind: "accepted", term: { leaseUid: hello.leaseUid, term: hello.term } };
}
