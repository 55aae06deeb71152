import { expect, test } from "vitest";

import type { LogChange } from "../../../shared/log/payload.ts";
import type { Channel } from "../../../shared/record/channel.ts";
import { hashKey } from "../../../shared/record/encoding.ts";
import { DiskBudget } from "../../../worker/origin/budgets/disk-budget.ts";
import { ChangeQuota } from "../../../worker/origin/budgets/change-quota.ts";
import { BUDGETS } from "../../../worker/origin/budgets/limits.ts";
import { populatedWorld } from "../../support/origin-peers.ts";
import { rawHome } from "../../support/raw-home.ts";
import { address, pod, pool, put } from "../../support/records.ts";

test("[LOG19] a rate is counted over time, and a clock that goes back neither gives nor takes", () => {
  let nowMs = 0;
  const quota = new ChangeQuota({ now: () => nowMs }, () => false);
  quota.countChanges(BUDGETS.burstChanges);
  expect(quota.waitMs()).toBe(0);
  quota.countChanges(BUDGETS.changesPerSecond);
  expect(quota.waitMs()).toBe(1_000);
  nowMs += 400;
  expect(quota.waitMs()).toBe(600);
  nowMs -= 3_600_000;
  expect(quota.waitMs()).toBe(600);
  nowMs += 600;
  expect(quota.waitMs()).toBe(0);
});

test("[LOG22] while others are at work an origin has a share; alone it has all", () => {
  let [nowMs, isShared] = [0, true];
  const quota = new ChangeQuota({ now: () => nowMs }, () => isShared);
  quota.countChanges(BUDGETS.sharedBurstChanges);
  expect(quota.waitMs()).toBe(0);
  quota.countChanges(BUDGETS.sharedChangesPerSecond / 20);
  quota.countWork(BUDGETS.sharedChangesPerSecond / 20);
  expect(quota.waitMs()).toBe(100);
  expect(quota.workWaitMs()).toBe(100);
  isShared = false;
  expect(quota.waitMs()).toBe(0);
  isShared = true;
  nowMs += 100;
  expect(quota.waitMs()).toBe(0);
});

test("[LOG22] a publisher that begins is company from its first message on, and for a second after its last", () => {
  const budget = new DiskBudget();
  budget.note("first", 0);
  expect(budget.hasCompany(0)).toBe(false);
  budget.note("second", 10);
  expect(budget.hasCompany(10)).toBe(true);
  budget.note("first", 1_500);
  expect(budget.hasCompany(1_500)).toBe(false);
});

function rawPublisher() {
  const rig = populatedWorld(1);
  return { ...rig, ...rawHome(rig.world, rig.publisher) };
}

/** Deletes of what is not there: they cost the hub work and change nothing. */
const noise = (count: number): LogChange[] =>
  Array.from({ length: count }, (_, n) => ({
    op: "delete",
    keyHash: hashKey(`nothing ${n}`),
    cause: "observed",
  }));

test("[LOG19] a publisher over its rate waits for its acknowledgements, and loses nothing", () => {
  const { world, reader, accepted, sequences, publish } = rawPublisher();
  const flood = noise(4_000);
  for (let n = 0; n < BUDGETS.burstChanges / 4_000 + 5; n++) {
    publish(flood);
    world.settle();
  }
  const before = accepted.length;
  publish([put(pod("late", address(77)))]);
  world.settle();
  expect(accepted).toHaveLength(before);
  expect(reader.ips()).not.toContain(address(77));
  world.advance(10_000);
  expect(reader.ips()).toContain(address(77));
  expect(sequences()).toEqual(Array.from({ length: accepted.length }, (_, n) => n + 1));
});

test("[LOG19] [LOG57] one that goes on sending all the same is closed; readers keep what they have", () => {
  const { world, reader, socket, publish } = rawPublisher();
  const flood = noise(4_000);
  for (let n = 0; n < 1_000 && world.closedWith(socket) === null; n++) publish(flood);
  world.settle();
  expect(world.closedWith(socket)).toBe("over-quota");
  expect(reader.ips()).toEqual([address(0)]);
});

test("[LOG19] one with too many refused records is told, and what was admitted before stays", () => {
  const { world, reader, socket, publish } = rawPublisher();
  for (
    let from = 0;
    from <= BUDGETS.quarantinedRecords && world.closedWith(socket) === null;
    from += 2_000
  ) {
    publish(
      Array.from({ length: 2_000 }, (_, n) => put(pod(`x${from + n}`, `172.16.0.${n % 250}`))),
    );
    world.settle();
  }
  expect(world.closedWith(socket)).toBe("over-quota");
  expect(world.closeMessage(socket)).toMatch(/records of identity are refused by admission/);
  expect(reader.ips()).toEqual([address(0)]);
});

test("[LOG22] frames beyond the share wait for a timer, in their order, and none is lost", () => {
  const { world, accepted, sequences, publish } = rawPublisher();
  world.isShared = true;
  for (let n = 0; n < 6; n++) publish(noise(500));
  world.settle();
  expect(accepted.length).toBeLessThan(6);
  world.advance(1_000);
  expect(sequences()).toEqual([1, 2, 3, 4, 5, 6]);
});

const SECONDS = 4;
/** As many as are taken in as one, and far more than our publishers have. */
const UNACKNOWLEDGED = 60;

/** Frames of one change a second, of a publisher that always lacks so many acknowledgements. */
function takenPerSecond(change: (n: number) => LogChange, channel: Channel): number {
  const { world, socket, accepted, publish } = rawPublisher();
  world.isShared = true;
  let sent = 0;
  for (let ms = 0; ms < SECONDS * 1_000; ms++) {
    while (sent - accepted.length < UNACKNOWLEDGED) publish([change(sent++)], channel);
    world.advance(1);
  }
  expect(world.closedWith(socket)).toBe(null);
  return accepted.length / SECONDS;
}

test.each([
  ["admitted records", "identity", 1, (n: number) => put(pod("x", address(n % 250)))],
  ["refused records", "identity", 4, (n: number) => put(pod(`x${n}`, "172.16.0.1"))],
  ["one refused record again and again", "identity", 4, () => put(pod("x", "172.16.0.1"))],
  ["ever new pools", "pools", 4, (n: number) => put(pool(`192.168.${n % 256}.${n >> 8}/32`))],
] as const)(
  "[LOG30] who waits for its acknowledgements, and has many under way, takes no more than its share either: %s",
  (_, channel, cost, change) => {
    const perFrame = cost + 4;
    const { sharedChangesPerSecond, sharedBurstChanges } = BUDGETS;
    const most = (sharedChangesPerSecond + sharedBurstChanges) / perFrame;
    const taken = takenPerSecond(change, channel);
    expect(taken).toBeLessThan(most + UNACKNOWLEDGED);
    expect(taken).toBeGreaterThan(most / 2);
  },
);
