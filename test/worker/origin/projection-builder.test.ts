import { expect, test } from "vitest";

import { ProjectionBuilder } from "../../../worker/origin/scopes/projection-builder.ts";
import type { Projections } from "../../../worker/origin/scopes/projections.ts";
import type { TimerRegistry } from "../../../worker/origin/timers.ts";

type Outcome = ReturnType<Projections["step"]>;

/** How often what is due to be folded was asked for, after each step of a new instance. */
function askedAfter(...outcomes: readonly Outcome[]): number[] {
  const left = [...outcomes];
  let asked = 0;
  let step = (): void => undefined;
  const timers: Pick<TimerRegistry, "own"> = {
    own: (_, run) => {
      step = run;
      return () => undefined;
    },
  };
  const projections = { hasWork: true, step: () => left.shift() ?? "nothing" };
  const built = (): void => undefined;
  const handlers = { isShared: () => false, committed: () => void asked++, built };
  const builder = new ProjectionBuilder(projections, timers as TimerRegistry, handlers);
  builder.stepSoon();
  return outcomes.map(() => {
    step();
    return asked;
  });
}

/** Found by the simulation, seed 3500000676. */
test("[SCP6] a hub that ended while a projection waited for a folding asks for it anew, once", () => {
  expect(askedAfter("behind", "behind", "committed", "behind", "built")).toEqual([1, 1, 2, 2, 3]);
});

test("[SCP6] what a commit has asked for is not asked for again", () => {
  expect(askedAfter("nothing", "committed", "behind", "nothing")).toEqual([0, 1, 1, 1]);
});
