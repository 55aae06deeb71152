import { expect, test } from "vitest";

import { SocketLives } from "../../../worker/origin/access/socket-lives.ts";
import { BUDGETS } from "../../../worker/origin/budgets/limits.ts";
import { populatedWorld, TestReader } from "../../support/origin-peers.ts";
import { address, pod, putOf } from "../../support/records.ts";

const { socketLifeMs, socketLifeJitterMs } = BUDGETS;

test("[CRE26] sockets that opened together end at different times, and each at the same after a sleep", () => {
  const sockets = Array.from({ length: 200 }, (_, n) => `socket ${n}`);
  const endsOf = (): Map<string, number> => {
    const lives = new SocketLives();
    for (const socket of sockets) lives.opened(socket, 0);
    const ends = new Map<string, number>();
    for (let ms = 0; ms <= socketLifeMs; ms += 60_000)
      for (const socket of lives.ended(ms)) {
        ends.set(socket, ms);
        lives.forget(socket);
      }
    return ends;
  };
  const ends = endsOf();
  expect(ends.size).toBe(sockets.length);
  expect(Math.min(...ends.values())).toBeGreaterThanOrEqual(socketLifeMs - socketLifeJitterMs);
  expect(new Set(ends.values()).size).toBeGreaterThan(30);
  expect(endsOf()).toEqual(ends);
});

test("[CRE26] a connection of a day is closed as by a restart before it is sent anything; who comes back goes on without a gap", () => {
  const { world, publisher, reader } = populatedWorld(1);
  world.nowMs += socketLifeMs - socketLifeJitterMs - 60_000;
  publisher.change(putOf(pod("before", address(7))));
  expect(reader.ips()).toContain(address(7));
  world.nowMs += socketLifeJitterMs + 60_000;
  const newcomer = new TestReader(world);
  newcomer.connect();
  for (const { socket } of [publisher, reader]) expect(world.closedWith(socket)).toBe("restart");
  publisher.connect(publisher.term, 1, true);
  publisher.change(putOf(pod("after", address(8))));
  expect(reader.ips()).not.toContain(address(8));
  reader.connect();
  world.advance(1_000);
  expect(reader.ips()).toContain(address(8));
  expect(reader.isInSync).toBe(true);
});
