/** What the registry knows of one edge, for the conditions that its RCC and its grant have. */
import { isKeptFrom } from "../../shared/visibility/access.ts";
import type { Mesh } from "./mesh.ts";
import { overlayOverview } from "./preflight-view.ts";
import type { OverlayOverview } from "./preflight-view.ts";

export interface RegistryEdge {
  /** The accessVersion at which the reader's facts changed last. */
  readonly generation: number;
  /** Unix ms; `null`: there is no RCC, or no grant. */
  readonly rccMs: number | null;
  readonly grantMs: number | null;
  /** The export policy of the origin's owner keeps it from the reader. [EXP5] */
  readonly isVetoed: boolean;
  /** One of the two, or both. */
  readonly isSuspended: boolean;
  /** `null`: the RCC does not ask for routes. */
  readonly overlay: OverlayOverview | null;
}

export function registryEdge(mesh: Mesh, readerUid: string, originUid: string): RegistryEdge {
  const [reader, origin] = [mesh.member(readerUid), mesh.member(originUid)];
  const rcc = mesh.store.get("rccs", `${readerUid}/${originUid}`);
  return {
    generation: reader?.factsVersion ?? 0,
    rccMs: rcc?.createdMs ?? null,
    grantMs: mesh.grantOf(originUid, readerUid)?.createdMs ?? null,
    isVetoed: isKeptFrom(mesh, readerUid, originUid),
    isSuspended: reader?.suspended === true || origin?.suspended === true,
    overlay:
      rcc?.overlayRoutingMode === "Enabled" ? overlayOverview(mesh, readerUid, originUid) : null,
  };
}
