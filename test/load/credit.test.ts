import { expect, test } from "vitest";

import { LIMITS } from "../../shared/protocol/limits.ts";
import { populatedWorld, TestReader } from "../support/origin-peers.ts";
import { heavyLabels, noise } from "../support/noise.ts";
import { address, pod, putOf } from "../support/records.ts";

test("[LOG9] [LOG49] a reader that takes nothing costs its own lag only, and catches up from what is stored", () => {
  const { world, publisher, reader } = populatedWorld(1);
  const stalled = new TestReader(world);
  stalled.isPaused = true;
  stalled.connect({ creditBytes: 1 });
  for (let n = 0; n < 400; n++)
    publisher.change(
      ...Array.from({ length: 60 }, (_, i) => putOf(pod(`x${i}`, address(i), noise(n * 60 + i)))),
    );
  world.advance(1_000);
  expect(reader.isInSync).toBe(true);
  expect(stalled.isInSync).toBe(false);
  // No commit comes any more: what it is told from here on, it is told because it caught up.
  stalled.resume();
  expect(stalled.isInSync).toBe(true);
  expect(stalled.keys()).toEqual(reader.keys());
});

test("[LOG9] 511 readers that take nothing: what is in flight stays below 96 MB, and the one that takes is in sync", () => {
  const { world, publisher, reader } = populatedWorld(1);
  const fill = (round: number) => {
    for (let n = 0; n < 20; n++)
      publisher.change(
        ...Array.from({ length: 250 }, (_, i) =>
          putOf(pod(`x${n}-${i}`, address(n * 250 + i), noise(round * 10_000 + n * 250 + i))),
        ),
      );
    world.advance(1_000);
  };
  fill(0);
  for (let n = 0; n < 511; n++) {
    const stalled = new TestReader(world);
    stalled.isPaused = true;
    stalled.connect();
  }
  expect(world.origin.inFlightBytes).toBeGreaterThan(LIMITS.inFlightBytes);
  const late = new TestReader(world);
  late.connect();
  for (let round = 1; round <= 3; round++) fill(round);
  expect(world.origin.inFlightBytes).toBeLessThan(96 * 1024 * 1024);
  expect(reader.isInSync).toBe(true);
  expect(late.isInSync).toBe(true);
  expect(late.keys()).toEqual(reader.keys());
});

test("[LOG9] [LOG47] readers that hold all the room and take nothing are closed, so that the others have it", () => {
  const { world, publisher, reader } = populatedWorld(1);
  // 2 MB that do not compress, in records of 40 KB: the first message to each reader is a large
  // one.
  const fill = (round: number) => {
    for (let n = 0; n < 50; n++)
      publisher.change(putOf(pod(`x${n}`, address(n), heavyLabels(round * 100 + n))));
    world.advance(1_000);
  };
  fill(0);
  const stalled: TestReader[] = [];
  for (let n = 0; n < 511; n++) {
    const one = new TestReader(world);
    one.isPaused = true;
    one.connect();
    stalled.push(one);
  }
  const most = world.origin.inFlightBytes;
  expect(most).toBeGreaterThan(LIMITS.inFlightCapBytes);
  expect(most).toBeLessThan(96 * 1024 * 1024);
  const late = new TestReader(world);
  late.connect();
  fill(1);
  expect(late.isInSync).toBe(false);
  expect(stalled.some(({ socket }) => world.closedWith(socket) !== null)).toBe(false);
  world.advance(70_000);
  expect(world.origin.inFlightBytes).toBeLessThan(96 * 1024 * 1024);
  expect(late.isInSync).toBe(true);
  expect(late.keys()).toEqual(reader.keys());
  expect(reader.isInSync).toBe(true);
  const closed = stalled.filter(({ socket }) => world.closedWith(socket) === "over-quota");
  expect(closed.length).toBeGreaterThan(100);
  // One that is closed comes back, takes what there is, and has it all.
  const [back] = closed;
  if (back === undefined) throw new Error("nobody was closed");
  back.isPaused = false;
  back.connect();
  world.advance(1_000);
  expect(back.isInSync).toBe(true);
});
