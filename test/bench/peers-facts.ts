/** Access facts of a cluster that sees the one origin of a bench. */
import type { AccessFacts } from "../../shared/visibility/facts.ts";

export function peerFacts(): AccessFacts {
  return {
    meshId: "m",
    meshName: "bench",
    accessVersion: 1,
    cluster: { uid: "r", name: "r" },
    keyGeneration: 1,
    removed: false,
    remotes: [
      {
        rcc: "o",
        origin: { uid: "o", name: "o" },
        state: "granted",
        overlayRoutingMode: "Disabled",
      },
    ],
    ranges: { pods: [], nodes: [] },
    refusedClaims: [],
  };
}
