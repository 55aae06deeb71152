/** A claim that was refused, as its own cluster is told. */
import type { RefusedClaim } from "../../shared/visibility/facts.ts";
import type { RefusedRow } from "./registry.ts";

/** Whose range is in the way is the operator's to know. [VIS48] */
export function toldClaim(
  { cidr, use, reason, conflictUid }: RefusedRow,
  cluster: string,
): RefusedClaim {
  const overlaps = `${cidr} overlaps a range of another cluster: \`catwalk cluster get ${cluster}\` tells the operator whose`;
  return { cidr, use, reason: conflictUid === null ? reason : overlaps };
}
