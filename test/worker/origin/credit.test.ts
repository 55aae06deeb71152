import { expect, test } from "vitest";

import { LIMITS } from "../../../shared/protocol/limits.ts";
import { populatedWorld, TestReader } from "../../support/origin-world.ts";
import { noise } from "../../support/noise.ts";
import { address, pod } from "../../support/records.ts";

test("[LOG9] a reader that takes nothing costs its own lag only, and catches up from what is stored", () => {
  const { world, publisher, reader } = populatedWorld(1);
  const stalled = new TestReader(world);
  stalled.isPaused = true;
  stalled.connect({ creditBytes: 1 });
  for (let n = 0; n < 400; n++)
    publisher.change(
      ...Array.from({ length: 60 }, (_, i) => ({
        op: "put" as const,
        record: pod(`x${i}`, address(i), noise(n * 60 + i)),
      })),
    );
  world.advance(1_000);
  expect(reader.isInSync).toBe(true);
  expect(stalled.isInSync).toBe(false);
  // No commit comes any more: what it is told from here on, it is told because it caught up.
  stalled.resume();
  expect(stalled.isInSync).toBe(true);
  expect(stalled.keys()).toEqual(reader.keys());
}, 60_000);

test("[LOG9] 511 readers that take nothing: what is in flight stays below 96 MB, and the one that takes is in sync", () => {
  const { world, publisher, reader } = populatedWorld(1);
  const fill = (round: number) => {
    for (let n = 0; n < 20; n++)
      publisher.change(
        ...Array.from({ length: 250 }, (_, i) => ({
          op: "put" as const,
          record: pod(`x${n}-${i}`, address(n * 250 + i), noise(round * 10_000 + n * 250 + i)),
        })),
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
}, 120_000);
