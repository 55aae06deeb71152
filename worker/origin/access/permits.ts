/** Access decisions, pure functions of facts: which peer may read, dial, or speak at all. */
import type { CloseReason } from "../../../shared/protocol/errors.ts";
import { CHANNELS } from "../../../shared/record/channel.ts";
import type { Channel } from "../../../shared/record/channel.ts";
import { DEFAULT_CHANNELS } from "../../../shared/visibility/facts.ts";
import type { OriginFacts } from "../../../shared/visibility/facts.ts";
import { channelsOf } from "../../../shared/visibility/scope.ts";
import type { Scope } from "../../../shared/visibility/scope.ts";
import type { Dial, DialPermit } from "../../ports.ts";
import type { Peer } from "../peer.ts";

type DialOf = Pick<Dial, "originUid" | "keyGeneration">;

export type Permit = "yes" | { readonly reason: CloseReason; readonly message: string };

/**
 * Whether a peer may read: a reader needs to be in the origin's own access list, and a cluster may
 * always see its own records. [VIS5]
 */
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

export interface KeyRefusal {
  readonly reason: "removed" | "unauthenticated";
  readonly message: string;
}

/**
 * The reason why a credential of this cluster itself is over; `null` where it is not, or nothing is
 * known yet.
 */
export function keyPermit(peer: Peer, facts: OriginFacts | null): KeyRefusal | null {
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

/** Channels that a peer that may read the origin may have. [SVC1] */
export function readableChannels(peer: Peer, facts: OriginFacts): readonly Channel[] {
  return peer.clusterUid === facts.cluster.uid ? CHANNELS : channelsOf(scopeOf(peer, facts));
}

/** The scope within which a peer that may read the origin sees it; `null`: all. [SCP5] */
export function scopeOf({ clusterUid }: Peer, facts: OriginFacts): Scope | null {
  return facts.scopedReaders?.find(({ cluster }) => cluster.uid === clusterUid)?.scope ?? null;
}

/** The channels of which a peer is served more than an empty log. [VIS51] */
export function servedChannels(peer: Peer, facts: OriginFacts): readonly Channel[] {
  const { clusterUid } = peer;
  if (clusterUid === facts.cluster.uid) return CHANNELS;
  const reader = [...facts.readers, ...(facts.scopedReaders ?? [])].find(
    ({ cluster }) => cluster.uid === clusterUid,
  );
  const named = reader?.channels ?? DEFAULT_CHANNELS;
  return readableChannels(peer, facts).filter(
    (channel) => channel === "services" || named.includes(channel),
  );
}
