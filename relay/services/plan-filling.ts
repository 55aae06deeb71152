/** What becomes of a Service → the writes of its slices, in their order. Pure. [SVC23] [SVC24] */
import type { OwnSlice } from "./own-slice.ts";
import { planWrites } from "./plan-writes.ts";
import type { SliceWrite } from "./plan-writes.ts";
import type { Filling, Services } from "./services.ts";

/** @param held Its slices that are there. */
export function planFilling(
  filling: Filling,
  held: readonly OwnSlice[],
  services: Pick<Services, "isIncomplete">,
): readonly SliceWrite[] {
  if (filling.kind === "waiting") return [];
  return filling.kind === "filled"
    ? planWrites(held, filling.slices, (cluster) => services.isIncomplete(cluster))
    : planWrites(held, [], () => false);
}
