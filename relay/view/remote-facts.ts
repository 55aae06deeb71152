/** What facts say of one remote, as its view needs it. */
import type { AccessFacts, LabelMode, Remote } from "../../shared/visibility/facts.ts";
import type { ViewHeader } from "./file-meta.ts";

/** The part of access facts that a remote is bound to. */
export type FactsPosition = Pick<AccessFacts, "meshId" | "accessVersion">;

/** Of a view that no facts name. */
export function unnamed(rcc: string, origin: Remote["origin"]): Remote {
  return { rcc, origin, state: "not-granted", overlayRoutingMode: "Disabled" };
}

export function modeOf(remote: Remote): LabelMode {
  return remote.labels ?? "original";
}

/**
 * A hub that is behind might show more than the scope; without one it shows less at most, and need
 * not ask the Mesh at every start of a relay.
 */
export function neededOf({ scope }: Remote, { accessVersion }: FactsPosition): number {
  return scope === undefined ? 0 : accessVersion;
}

export function headerOf({ rcc, origin, scope }: Remote, { meshId }: FactsPosition): ViewHeader {
  return {
    rcc,
    meshId,
    originUid: origin.uid,
    originName: origin.name,
    ...(scope === undefined ? {} : { scope }),
  };
}
