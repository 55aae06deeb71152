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
  if (filling.kind !== "filled") return planWrites(held, [], () => false);
  const { isPartial } = filling;
  // Nor does a cluster come that may not count in the end.
  const there = new Set(held.map(({ cluster }) => cluster));
  const slices = filling.slices.filter(({ cluster }) => !isPartial || there.has(cluster));
  return planWrites(held, slices, (cluster) => services.isIncomplete(cluster));
}
