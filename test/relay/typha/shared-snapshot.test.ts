import { afterEach, expect, test, vi } from "vitest";

import { SnapshotMaker } from "../../../relay/typha/shared-snapshot.ts";
import { FakeFeed } from "../../support/fake-feed.ts";

afterEach(() => {
  vi.useRealTimers();
});

const key = (n: number): string => `/calico/v1/host/db_n1/workload/k8s/shop%2fp-${n}/endpoint/eth0`;

test("[TYP15] what changes while a new snapshot is made is told behind it, though the one before expires in that moment", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const feed = new FakeFeed();
  for (let n = 0; n < 900; n++) feed.put(key(n), "{}");
  const maker = new SnapshotMaker(feed);
  await maker.get();
  // More than may lie beside it: the next one that is asked for is made anew.
  for (let n = 0; n < 600; n++) feed.put(key(n), '{"changed":1}');
  const making = maker.get();
  // The first part of it is taken; the one before would be forgotten now.
  vi.advanceTimersByTime(60_000);
  feed.delete(key(0));
  const snapshot = await making;
  expect([...snapshot.changes.keys()]).toEqual([key(0)]);
  maker.stop();
});

test("[TYP15] a snapshot is made once, for whoever asks while it is made, and for a minute after the last one has", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const feed = new FakeFeed();
  for (let n = 0; n < 900; n++) feed.put(key(n), "{}");
  const maker = new SnapshotMaker(feed);
  const [first, second] = await Promise.all([maker.get(), maker.get()]);
  expect(second).toBe(first);
  vi.advanceTimersByTime(59_000);
  feed.put(key(0), '{"changed":1}');
  expect(await maker.get()).toBe(first);
  vi.advanceTimersByTime(59_000);
  expect(await maker.get()).toBe(first);
  expect(maker.bytes).toBeGreaterThan(0);
  vi.advanceTimersByTime(60_000);
  expect(maker.bytes).toBe(0);
  expect(await maker.get()).not.toBe(first);
  maker.stop();
});
