import { expect, test } from "vitest";

import { encodeMessage } from "../../../shared/protocol/codec.ts";
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

test("[LOG73] messages that have a price count by their bytes, frames and acknowledgements not at all", () => {
  let collections = 0;
  const garbage = new UnseenGarbage(() => collections++);
  const digest = new Uint8Array(16);
  const leaves = Array.from({ length: 4_096 }, (_, prefix) => ({ bits: 12, prefix, digest }));
  const question = encodeMessage({ type: "reconcile", channel: "identity", leaves });
  const payload = new Uint8Array(question.length);
  const frame = encodeMessage({ type: "publish", sequence: 1, channel: "identity", payload });
  const most = BUDGETS.unseenBytes / BUDGETS.messageUnseenShare / question.length;
  for (let n = 0; n < 2 * most; n++) garbage.messageCame(frame);
  for (let n = 1; n < most; n++) garbage.messageCame(question);
  expect(collections).toBe(0);
  garbage.messageCame(question);
  expect(collections).toBe(1);
});

test("[LOG73] a runtime that has no collection to call is asked for nothing", () => {
  let collections = 0;
  collectorOf({ gc: () => collections++ })();
  collectorOf({})();
  collectorOf({ gc: "no" })();
  expect(collections).toBe(1);
});
