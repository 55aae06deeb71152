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

test("[LOG77] who is closed over its share dials again when what it sent is paid at 4 MiB/s; who was not is never asked", () => {
  const dials = new MemberDials();
  const mib = 1024 ** 2;
  const took = (bytes: number, nowMs: number): void =>
    dials.took("hasty", bytes - BUDGETS.messageCountBytes, nowMs);
  took(10 * mib, 1_000);
  dials.took("large", 50 * mib, 1_000);
  expect(dials.dial("hasty", 1_000)).toBe(0);
  dials.wentOver("hasty", 1_000);
  expect([dials.dial("hasty", 1_000), dials.dial("large", 1_000)]).toEqual([2_000, 0]);
  // What was on its way to the closed socket.
  took(4 * mib, 1_500);
  expect(dials.dial("hasty", 1_500)).toBe(2_500);
  expect(dials.dial("hasty", 4_000)).toBe(0);
  // Afterwards it is as any other, until it goes over again.
  took(6 * mib, 60_000);
  expect(dials.dial("hasty", 60_000)).toBe(0);
  dials.wentOver("hasty", 60_000);
  expect(dials.dial("hasty", 60_000)).toBe(1_000);
});

test("[LOG77] a closed socket of a member that sent little is followed at once; nobody waits for more than half a minute", () => {
  const dials = new MemberDials();
  dials.took("small", 60_000, 1_000);
  dials.wentOver("small", 1_000);
  expect(dials.dial("small", 1_000)).toBe(0);
  dials.took("large", 2 ** 40, 1_000);
  dials.wentOver("large", 1_000);
  expect(dials.dial("large", 1_000)).toBe(30_000);
});

test("[LOG77] small messages count too: thousands of them are as long to be read as megabytes", () => {
  const dials = new MemberDials();
  for (let n = 0; n < 5 * 1024; n++) dials.took("hasty", 0, 1_000);
  dials.wentOver("hasty", 1_000);
  expect(dials.dial("hasty", 1_000)).toBe(4_500);
});
