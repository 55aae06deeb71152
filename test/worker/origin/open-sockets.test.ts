import { expect, test } from "vitest";

import { BUDGETS } from "../../../worker/origin/budgets/limits.ts";
import { OpenSockets } from "../../../worker/origin/budgets/open-sockets.ts";

/** Opens as many sockets as there is room for. */
function takeAll(sockets: OpenSockets, member: string, most: string, nowMs = 0): number {
  let count = 0;
  for (; sockets.hasRoom(most, member, nowMs); count++) sockets.add(`${member}-${count}`, member);
  return count;
}

test("[API14] one member has at most four fifths of the sockets, and however many take all they can, who has few finds room", () => {
  const sockets = new OpenSockets();
  expect(takeAll(sockets, "a", "1000")).toBe(800);
  for (const member of ["b", "c", "d"]) expect(takeAll(sockets, member, "1000")).toBeGreaterThan(5);
  expect(sockets.hasRoom("1000", "quiet", 0)).toBe(true);
  sockets.add("quiet-0", "quiet");
  // Who holds most gets no more, and gets some again when others go.
  expect(sockets.hasRoom("1000", "a", 0)).toBe(false);
  for (let n = 0; n < 200; n++) sockets.delete(`a-${n}`, 0);
  expect(sockets.countOf("a")).toBe(600);
  expect(sockets.hasRoom("1000", "a", BUDGETS.goneMs)).toBe(true);
});

test("[API14] many members of a few sockets each fill a hub to the last but a few; without a bound there is none", () => {
  const sockets = new OpenSockets();
  let refused = 0;
  for (let n = 0; n < 1_000; n++) {
    const member = `m${n % 100}`;
    if (sockets.hasRoom("1000", member, 0)) sockets.add(`s${n}`, member);
    else refused++;
  }
  expect(refused).toBeLessThan(10);
  expect(sockets.hasRoom(undefined, "m1", 0)).toBe(true);
  // Noted twice (before and after a sleep) it counts once.
  const twice = new OpenSockets();
  twice.add("s", "m");
  twice.add("s", "m");
  twice.delete("s", 0);
  expect(twice.countOf("m")).toBe(0);
});

test("[API64] sockets that went count for half a second, as far as files are scarce", () => {
  const sockets = new OpenSockets();
  const members = Array.from({ length: 100 }, (_, n) => `m${n}`);
  const open = members.flatMap((member) =>
    Array.from({ length: 10 }, (_, n) => ({ id: `${member}-${n}`, member })),
  );
  for (const { id, member } of open.slice(0, 900)) sockets.add(id, member);
  for (const { id } of open.slice(0, 900)) sockets.delete(id, 1_000);
  const comeBack = (nowMs: number): number =>
    open.filter(({ id, member }) => {
      if (!sockets.hasRoom("1000", member, nowMs)) return false;
      sockets.add(id, member);
      return true;
    }).length;
  // Of 1,333 files a sixth stays for all else, and 900 are not closed yet.
  expect(comeBack(1_001)).toBe(267);
  sockets.delete("m0-0", 1_100);
  expect(sockets.hasRoom("1000", "m99", 1_499)).toBe(false);
  expect(sockets.hasRoom("1000", "m99", 1_500)).toBe(true);
});
