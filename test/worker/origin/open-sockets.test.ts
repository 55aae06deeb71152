import { expect, test } from "vitest";

import { OpenSockets } from "../../../worker/origin/budgets/open-sockets.ts";

/** Opens as many sockets as there is room for. */
function takeAll(sockets: OpenSockets, member: string, most: string): number {
  let count = 0;
  for (; sockets.hasRoom(most, member); count++) sockets.add(`${member}-${count}`, member);
  return count;
}

test("[API14] one member has at most four fifths of the sockets, and however many take all they can, who has few finds room", () => {
  const sockets = new OpenSockets();
  expect(takeAll(sockets, "a", "1000")).toBe(800);
  for (const member of ["b", "c", "d"]) expect(takeAll(sockets, member, "1000")).toBeGreaterThan(5);
  expect(sockets.hasRoom("1000", "quiet")).toBe(true);
  sockets.add("quiet-0", "quiet");
  // Who holds most gets no more, and gets some again when others go.
  expect(sockets.hasRoom("1000", "a")).toBe(false);
  for (let n = 0; n < 200; n++) sockets.delete(`a-${n}`);
  expect(sockets.countOf("a")).toBe(600);
  expect(sockets.hasRoom("1000", "a")).toBe(true);
});

test("[API14] many members of a few sockets each fill a hub to the last but a few; without a bound there is none", () => {
  const sockets = new OpenSockets();
  let refused = 0;
  for (let n = 0; n < 1_000; n++) {
    const member = `m${n % 100}`;
    if (sockets.hasRoom("1000", member)) sockets.add(`s${n}`, member);
    else refused++;
  }
  expect(refused).toBeLessThan(10);
  expect(sockets.hasRoom(undefined, "m1")).toBe(true);
  // Noted twice (before and after a sleep) it counts once.
  const twice = new OpenSockets();
  twice.add("s", "m");
  twice.add("s", "m");
  twice.delete("s");
  expect(twice.countOf("m")).toBe(0);
});
