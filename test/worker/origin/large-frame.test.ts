/** [LOG22] A frame of thousands of changes: taken in by parts, acknowledged when all of it is; and frames that come faster than they are folded. */
import { expect, test } from "vitest";

import { RING_SLOTS } from "../../../worker/origin/log-store.ts";
import { noise } from "../../support/noise.ts";
import { populatedWorld } from "../../support/origin-peers.ts";
import { rawHome } from "../../support/raw-home.ts";
import { address, pod, put } from "../../support/records.ts";

/** Beside a reader that has seen what there was. */
function rawPublisher() {
  const rig = populatedWorld(1);
  const home = rawHome(rig.world, rig.publisher);
  rig.reader.received.length = 0;
  return { ...rig, ...home };
}

const pods = (count: number, ip = address) =>
  Array.from({ length: count }, (_, n) => put(pod(`large-${n}`, ip(n % 200))));

test("[LOG22] other events have their turn between the parts, and what follows it comes after it", () => {
  const { world, reader, accepted, publish } = rawPublisher();
  publish([...pods(1_200), put(pod("web-0", address(7)))]);
  publish([put(pod("web-0", address(8)))]);
  expect(accepted).toEqual([]);
  world.advance(1_000);
  expect(accepted.map(({ sequence }) => sequence)).toEqual([1, 2]);
  expect(reader.views.get("identity")?.trie.size).toBe(1_201 + 1);
  expect(reader.ips()).toContain(address(8));
});

test("[LOG22] what is refused is told once, in the acknowledgement of the whole", () => {
  const { world, accepted, publish } = rawPublisher();
  publish([...pods(900), ...pods(700, (n) => `172.16.0.${n}`)]);
  world.advance(1_000);
  expect(accepted.map(({ refused }) => refused)).toEqual([700]);
});

test("[LOG22] a hub that ends in the middle of one has acknowledged nothing of it, and what was committed stays", () => {
  const { world, accepted, publish } = rawPublisher();
  publish(pods(1_600));
  world.crash();
  expect(accepted).toEqual([]);
  expect(world.failures).toEqual([]);
  const [count] = world.origin.status().channels.map(({ admitted }) => admitted);
  expect(count).toBeGreaterThanOrEqual(500);
});

test("[LOG22] what a publisher that is gone has left waiting is forgotten: the next one begins with nothing before it", () => {
  const { world, publisher, socket, publish } = rawPublisher();
  world.isShared = true;
  for (let n = 0; n < 8; n++) publish(pods(4_000));
  world.disconnect(socket);
  const next = rawHome(world, publisher);
  next.publish([put(pod("web-0", address(9)))]);
  world.advance(1_000);
  expect(next.sequences()).toEqual([1]);
});

test("[LOG22] a log whose folding is behind takes nothing in until it has come on: no commit folds what is left at once", () => {
  const { world, accepted, publish } = rawPublisher();
  const head = (): number =>
    Number(world.sql.run("SELECT MAX(revision) AS n FROM frames")[0]?.["n"]);
  // In one moment: no timer, and so no folding, has its turn.
  for (let n = 0; n < RING_SLOTS + 200; n++)
    publish(
      Array.from({ length: 12 }, (_, i) =>
        put(pod(`w${n % 50}-${i}`, address(i), noise(n * 12 + i))),
      ),
    );
  expect(head()).toBeGreaterThan(RING_SLOTS / 2);
  expect(head()).toBeLessThan(RING_SLOTS);
  world.advance(30_000);
  expect(accepted).toHaveLength(RING_SLOTS + 200);
  expect(head()).toBeGreaterThanOrEqual(RING_SLOTS + 200);
}, 60_000);

test("[LOG16] one event takes in less than a thousand changes, however well they compress", () => {
  const { world, accepted, publish } = rawPublisher();
  const taken = (): number =>
    Number(world.sql.run("SELECT MAX(revision) AS n FROM frames")[0]?.["n"]);
  const { origin } = world;
  let most = 0;
  const watched = (event: () => void): void => {
    const before = taken();
    event();
    most = Math.max(most, taken() - before);
  };
  const [onTimer, onMessage] = [origin.onTimer.bind(origin), origin.onMessage.bind(origin)];
  origin.onTimer = (name) => watched(() => onTimer(name));
  origin.onMessage = (socket, data) => watched(() => onMessage(socket, data));
  for (let n = 0; n < 40; n++)
    publish(Array.from({ length: 250 }, (_, i) => put(pod(`w${i}`, address(n)))));
  world.advance(5_000);
  expect(accepted).toHaveLength(40);
  expect(most).toBeGreaterThan(0);
  expect(most * 250).toBeLessThan(1_000);
});

test("[LOG16] a rush of small frames, of more changes than one event takes in, is stored as few frames of nearly that many", () => {
  const { world, accepted, publish } = rawPublisher();
  for (let n = 0; n < 60; n++)
    publish(Array.from({ length: 10 }, (_, i) => put(pod(`w${i}`, address(n)))));
  world.advance(5_000);
  expect(accepted).toHaveLength(60);
  const [row] = world.sql.run("SELECT COUNT(*) AS n FROM frames WHERE LENGTH(entries) > 0");
  // The pool, the first frame at once, then 50 and the rest.
  expect(Number(row?.["n"])).toBeLessThanOrEqual(5);
});
