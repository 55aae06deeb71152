import { expect, test } from "vitest";

import { BUDGETS } from "../../../worker/origin/budgets/limits.ts";
import { collectorOf, UnseenGarbage } from "../../../worker/origin/budgets/unseen-garbage.ts";

test("[LOG73] a collection is asked for when so much may have been left, by connections and requests together", () => {
  let collections = 0;
  const garbage = new UnseenGarbage(() => collections++);
  const sockets = BUDGETS.unseenBytes / BUDGETS.socketUnseenBytes / 2;
  const requests = BUDGETS.unseenBytes / BUDGETS.requestUnseenBytes / 2;
  for (let round = 1; round <= 3; round++) {
    for (let n = 0; n < sockets; n++) garbage.socketClosed();
    for (let n = 1; n < requests; n++) garbage.requestCame();
    expect(collections).toBe(round - 1);
    garbage.requestCame();
    expect(collections).toBe(round);
  }
});

test("[LOG73] a runtime that has no collection to call is asked for nothing", () => {
  let collections = 0;
  collectorOf({ gc: () => collections++ })();
  collectorOf({})();
  collectorOf({ gc: "no" })();
  expect(collections).toBe(1);
});
