import { expect, test } from "vitest";

import { FakeFeed } from "../../support/fake-feed.ts";
import { FelixProcess } from "../../support/felix-process.ts";
import { LiveTypha } from "../../support/live-typha.ts";
import { cleanUp, spliceRig } from "../../support/splice-rig.ts";
import type { SpliceRig } from "../../support/splice-rig.ts";
import { waitFor } from "../../support/wait-for.ts";

const LOCAL = Object.fromEntries(
  Array.from({ length: 250 }, (_, n) => [`/calico/v1/netset/${n}`, `{"n":${n}}`]),
);

function remoteKey(n: number): string {
  return `/calico/v1/host/db_n1/workload/k8s/shop%2fpg-${n}/endpoint/eth0`;
}

function fill(feed: FakeFeed, to: number): void {
  for (let n = 0; n < to; n++) feed.put(remoteKey(n), `{"n":${n}}`);
}

interface Pair {
  readonly typha: LiveTypha;
  readonly first: SpliceRig;
  readonly second: SpliceRig;
  readonly felix: FelixProcess;
}

/** Two relays of one cluster, and a Felix that begins at the first. */
async function pair(second: Partial<Parameters<typeof spliceRig>[1]> = {}): Promise<Pair> {
  const typha = await LiveTypha.start(LOCAL);
  const one = await spliceRig({}, { typha, settleMs: 100 });
  const two = await spliceRig({}, { typha, settleMs: 100, ...second });
  fill(one.feed, 500);
  const felix = new FelixProcess(() => [one.port, two.port]);
  cleanUp(() => felix.stop());
  await waitFor(() => expect(felix.syncs).toBe(1));
  expect(felix.kvs.size).toBe(750);
  return { typha, first: one, second: two, felix };
}

test("[TYP25] [TYP38] a Felix whose relay is killed goes on at the other, and deletes nothing", async () => {
  const { first, second, felix } = await pair();
  fill(second.feed, 500);
  await first.splice.stop();
  await waitFor(() => expect(felix.syncs).toBe(2));
  expect(felix.dialled).toEqual([first.port, second.port]);
  expect(felix.deleted).toEqual([]);
  expect(felix.kvs.size).toBe(750);
  expect(felix.hasExited).toBe(false);
});

test("[TYP25] what the other relay hears a moment later is not deleted meanwhile; what it knows to be gone, is", async () => {
  const { first, second, felix } = await pair({ settleMs: 600 });
  fill(second.feed, 499);
  second.feed.delete(remoteKey(3));
  await first.splice.stop();
  await waitFor(() => expect(felix.dialled.length).toBe(2));
  fill(second.feed, 500);
  second.feed.delete(remoteKey(3));
  await waitFor(() => expect(felix.syncs).toBe(2));
  expect(felix.deleted).toEqual([remoteKey(3)]);
  expect(felix.kvs.size).toBe(749);
});

test("[TYP25] a relay that has all that was known says in-sync at once, and not before", async () => {
  const barriers: { has: boolean }[] = [];
  const newBarrier = (): { look(): boolean } => {
    const barrier = { has: false };
    barriers.push(barrier);
    return { look: () => barrier.has };
  };
  const { first, second, felix } = await pair({ settleMs: 3_600_000, newBarrier });
  fill(second.feed, 499);
  await first.splice.stop();
  await waitFor(() => expect(felix.statuses.at(-1)).toBe(1));
  second.splice.look();
  expect(felix.syncs).toBe(1);
  fill(second.feed, 500);
  for (const barrier of barriers) barrier.has = true;
  second.splice.look();
  await waitFor(() => expect(felix.syncs).toBe(2));
  expect(barriers).toHaveLength(1);
  expect(felix.deleted).toEqual([]);
  expect(felix.kvs.size).toBe(750);
});

test("[TYP8] a relay whose views are not loaded says no in-sync, so that Felix keeps what another relay told", async () => {
  const state = { loaded: false };
  const { first, second, felix } = await pair({ isViewLoaded: () => state.loaded });
  await first.splice.stop();
  await waitFor(() => expect(felix.dialled.length).toBe(2));
  fill(second.feed, 250);
  await waitFor(() => expect(felix.statuses.at(-1)).toBe(1));
  expect(felix.deleted).toEqual([]);
  fill(second.feed, 500);
  state.loaded = true;
  await waitFor(() => expect(felix.syncs).toBe(2));
  expect(felix.deleted).toEqual([]);
  expect(felix.kvs.size).toBe(750);
});

test("[TYP18] a relay that is told to stop lets its Felixes go one a second, and they go on elsewhere", async () => {
  const { first, second, felix } = await pair();
  fill(second.feed, 500);
  const others = [1, 2].map(() => new FelixProcess(() => [first.port, second.port]));
  for (const other of others) cleanUp(() => other.stop());
  await waitFor(() => expect(others.every((other) => other.syncs === 1)).toBe(true));
  const began = performance.now();
  const drained = first.splice.drain(300_000, new AbortController().signal);
  first.feed.put(remoteKey(1), '{"still":"served"}');
  second.feed.put(remoteKey(1), '{"still":"served"}');
  await drained;
  const all = [felix, ...others];
  await waitFor(() => expect(all.every((one) => one.syncs === 2)).toBe(true));
  expect(performance.now() - began).toBeGreaterThan(2_000);
  for (const one of all) {
    expect(one.dialled.at(-1)).toBe(second.port);
    expect(one.deleted).toEqual([]);
    expect(one.hasExited).toBe(false);
    expect(one.kvs.get(remoteKey(1))).toBe('{"still":"served"}');
  }
});

test("[TYP18] the slow end is bounded, and can be hurried", async () => {
  const { splice, client } = await spliceRig(LOCAL);
  const felixes = [1, 2, 3, 4].map(() => client());
  for (const felix of felixes) await felix.until("in-sync", () => felix.hasSync);
  const began = performance.now();
  await splice.drain(0, new AbortController().signal);
  expect(performance.now() - began).toBeLessThan(900);
  const hurried = new AbortController();
  const draining = splice.drain(300_000, hurried.signal);
  hurried.abort();
  await draining;
  expect(performance.now() - began).toBeLessThan(900);
});

test("[TYP11] a Typha that comes and goes under churn leaves Felix with exactly what there is", async () => {
  const { typha, first, felix } = await pair();
  let n = 0;
  for (let round = 0; round < 6; round++) {
    for (let i = 0; i < 40; i++, n++) {
      const key = `/calico/v1/netset/${(n * 7) % 300}`;
      if (n % 3 === 0) typha.delete(key);
      else typha.put(key, `{"churn":${n}}`);
      first.feed.put(remoteKey(n % 600), `{"churn":${n}}`);
    }
    if (round % 2 === 0) typha.drop();
    else {
      await typha.down();
      typha.kvs.delete(`/calico/v1/netset/${round}`);
      typha.kvs.set(`/calico/v1/netset/came-${round}`, "{}");
      await typha.up();
    }
    await waitFor(() => expect(typha.connections).toBe(1));
  }
  await waitFor(() => {
    const local = [...felix.kvs].filter(([key]) => key.includes("/netset/"));
    expect(new Map(local)).toEqual(typha.kvs);
  });
  expect(felix.kvs.get(remoteKey((n - 1) % 600))).toBe(`{"churn":${n - 1}}`);
  expect(felix.dialled.length).toBe(1);
  expect(felix.statuses.slice(felix.statuses.indexOf(2))).toEqual([2]);
});
