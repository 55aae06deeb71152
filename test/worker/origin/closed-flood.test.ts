import { expect, test } from "vitest";

import { HalfClosedSockets } from "../../../worker/origin/budgets/half-closed-sockets.ts";
import { BUDGETS } from "../../../worker/origin/budgets/limits.ts";
import { MemberDials } from "../../../worker/origin/budgets/member-dials.ts";

test("[LOG71] a closed socket may have sent what was on its way, and nothing beyond; an open one is not counted", () => {
  const sockets = new HalfClosedSockets();
  for (let n = 0; n < 2 * BUDGETS.closedMessages; n++) expect(sockets.isFlood("open")).toBe(false);
  sockets.closed("closed", 0);
  for (let n = 0; n < BUDGETS.closedMessages; n++) expect(sockets.isFlood("closed")).toBe(false);
  expect(sockets.isFlood("closed")).toBe(true);
  sockets.gone("closed");
  expect(sockets.isFlood("closed")).toBe(false);
});

test("[LOG71] a member that has flooded opens nothing for a minute, and another does", () => {
  const dials = new MemberDials();
  dials.pause("flooder", 1_000);
  expect(dials.dial("flooder", 1_000)).toBe(BUDGETS.dialPauseMs);
  expect(dials.dial("other", 1_000)).toBe(0);
  expect(dials.dial("flooder", BUDGETS.dialPauseMs + 999)).toBe(1);
  expect(dials.dial("flooder", BUDGETS.dialPauseMs + 1_000)).toBe(0);
  // A clock that goes back makes nobody wait for longer.
  dials.pause("flooder", 9_000_000);
  expect(dials.dial("flooder", 1_000)).toBe(BUDGETS.dialPauseMs);
});
