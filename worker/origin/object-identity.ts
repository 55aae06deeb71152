/** What an Origin's object is told of itself and of its peers by the requests that it takes. */
import type { OriginFacts } from "../../shared/visibility/facts.ts";
import type { Peer } from "./peer.ts";

/**
 * Which Origin this is: an object cannot learn its name from its id, so the first request tells,
 * and it is kept.
 */
export interface Identity {
  readonly meshName: string;
  readonly originUid: string;
}

/** @returns `null` before the Mesh has told anything. */
export function readIdentity(facts: OriginFacts | null): Identity | null {
  return facts === null ? null : { meshName: facts.meshName, originUid: facts.cluster.uid };
}

/** Of a request that the Worker has authenticated. */
export function isRole(role: string): role is Peer["role"] {
  return role === "home" || role === "watch" || role === "admin";
}
