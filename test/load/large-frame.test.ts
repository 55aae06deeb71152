/**
 * [LOG22] A frame of thousands of changes: taken in by parts, acknowledged when all of it is; and
 * frames that come faster than they are folded.
 */
import { expect, test } from "vitest";

import { decodePayload } from "../../shared/log/payload.ts";
import { encodeRecord } from "../../shared/record/encoding.ts";
import { BUDGETS } from "../../worker/origin/budgets/limits.ts";
import { noise } from "../support/noise.ts";
import { populatedWorld } from "../support/origin-peers.ts";
import type { OriginWorld } from "../support/origin-world.ts";
import { rawHome } from "../support/raw-home.ts";
import { address, pod, put } from "../support/records.ts";

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
  expect(count).toBeGreaterThanOrEqual(400);
});

test("[LOG22] [LOG62] what a publisher that is gone has left waiting is forgotten: the next one begins with nothing before it", () => {
  const { world, publisher, socket, publish } = rawPublisher();
  world.isShared = true;
  for (let n = 0; n < 8; n++) publish(pods(4_000));
  world.disconnect(socket);
  const next = rawHome(world, publisher);
  next.publish([put(pod("web-0", address(9)))]);
  world.advance(1_000);
  expect(next.sequences()).toEqual([1]);
});

test("[LOG22] [LOG61] a log whose folding is behind takes nothing in until it has come on: no commit folds what is left at once", () => {
  const { world, accepted, publish } = rawPublisher();
  const head = (): number =>
    Number(world.sql.run("SELECT MAX(revision) AS n FROM frames")[0]?.["n"]);
  // In one moment: folding never has its turn.
  for (let n = 0; n < BUDGETS.ringFrames + 200; n++) {
    publish(
      Array.from({ length: 12 }, (_, i) =>
        put(pod(`w${n % 50}-${i}`, address(i), noise(n * 12 + i))),
      ),
    );
    world.fire("commit");
  }
  expect(head()).toBeGreaterThan(BUDGETS.ringFrames / 2);
  expect(head()).toBeLessThan(BUDGETS.ringFrames);
  world.advance(30_000);
  expect(accepted).toHaveLength(BUDGETS.ringFrames + 200);
  expect(head()).toBeGreaterThanOrEqual(BUDGETS.ringFrames + 200);
});

test("[LOG22] frames that come without a pause wait for a timer, however many and however long each takes: what is read on and on looks at nobody else", () => {
  const { world, accepted, publish } = rawPublisher();
  const head = (): number =>
    Number(world.sql.run("SELECT MAX(revision) AS n FROM frames")[0]?.["n"]);
  world.advance(1_000);
  const before = head();
  for (let n = 0; n < 40; n++) {
    publish(pods(200, (i) => address(i + n)));
    // As long as it takes to take them in.
    world.nowMs += 3;
  }
  expect(head()).toBe(before + 1);
  world.advance(1_000);
  expect(accepted).toHaveLength(40);
  publish([put(pod("web-0", address(9)))]);
  expect(accepted).toHaveLength(40);
  world.settle();
  expect(accepted).toHaveLength(41);
  expect(world.timers.has("commit")).toBe(false);
});

/** What the events of an Origin take in: changes, and bytes of their records. */
function watchEvents({ sql, origin }: OriginWorld) {
  const most = { changes: 0, bytes: 0 };
  const head = (): number => Number(sql.run("SELECT MAX(revision) AS n FROM frames")[0]?.["n"]);
  const watched = (event: () => void): void => {
    const before = head();
    event();
    const rows = sql.run("SELECT payload FROM frames WHERE revision > ?", before);
    const changes = rows.flatMap(({ payload }) => {
      const decoded = decodePayload(payload as Uint8Array);
      return decoded.ok ? decoded.changes : [];
    });
    const bytes = changes.reduce(
      (sum, each) => sum + (each.op === "put" ? each.bytes.length : 0),
      0,
    );
    most.changes = Math.max(most.changes, changes.length);
    most.bytes = Math.max(most.bytes, bytes);
  };
  const [onTimer, onMessage] = [origin.onTimer.bind(origin), origin.onMessage.bind(origin)];
  origin.onTimer = (name) => watched(() => onTimer(name));
  origin.onMessage = (socket, data) => watched(() => onMessage(socket, data));
  return most;
}

test.each([
  { isShared: false, perFrame: 200, changes: 400 },
  { isShared: false, perFrame: 300, changes: 300 },
  { isShared: true, perFrame: 125, changes: 250 },
])(
  "[LOG16] [LOG22] one event takes in $changes changes, in frames of $perFrame, however well they compress",
  ({ isShared, perFrame, changes }) => {
    const { world, accepted, publish } = rawPublisher();
    world.isShared = isShared;
    const most = watchEvents(world);
    for (let n = 0; n < 40; n++)
      publish(Array.from({ length: perFrame }, (_, i) => put(pod(`w${n}-${i}`, address(n)))));
    world.advance(5_000);
    expect(accepted).toHaveLength(40);
    expect(most.changes).toBe(changes);
  },
);

/** 60 KB that deflate to next to nothing. */
const hugePods = (count: number, text: string) => {
  const entries = Array.from({ length: 59 }, (_, l) => [`l${l}`, text.repeat(1_000)]);
  const labels = Object.fromEntries(entries) as Record<string, string>;
  return Array.from({ length: count }, (_, n) => put(pod(`huge-${n}`, address(n), labels)));
};

test.each([
  { isShared: false, kib: 256 },
  { isShared: true, kib: 128 },
])(
  "[LOG22] [LOG59] large records are taken in by their bytes: $kib KiB an event",
  ({ isShared, kib }) => {
    const { world, accepted, publish } = rawPublisher();
    world.isShared = isShared;
    const most = watchEvents(world);
    publish(hugePods(100, "x"));
    world.advance(5_000);
    expect(accepted).toHaveLength(1);
    expect(most.bytes).toBeGreaterThan((kib / 2) * 1024);
    expect(most.bytes).toBeLessThanOrEqual(kib * 1024);
  },
);

test("[LOG22] [LOG58] beside others a KiB counts as a change: a second takes in ten megabytes", () => {
  const { world, reader, publish } = rawPublisher();
  world.isShared = true;
  for (const text of ["a", "b", "c", "d", "e"]) publish(hugePods(100, text));
  world.advance(1_000);
  const taken = reader.changes.filter(({ held }) => held.key.includes("huge-"));
  const bytes = taken.reduce((sum, { held }) => sum + encodeRecord(held.record).length, 0);
  expect(bytes).toBeGreaterThan(9e6);
  expect(bytes).toBeLessThan(11e6);
});

test("[LOG16] a rush of small frames, of more changes than one event takes in, is stored as few frames of nearly that many", () => {
  const { world, accepted, publish } = rawPublisher();
  for (let n = 0; n < 60; n++)
    publish(Array.from({ length: 10 }, (_, i) => put(pod(`w${i}`, address(n)))));
  world.advance(5_000);
  expect(accepted).toHaveLength(60);
  const [row] = world.sql.run("SELECT COUNT(*) AS n FROM frames WHERE LENGTH(entries) > 0");
  // The pool, the first frame at once, then 40 and the rest.
  expect(Number(row?.["n"])).toBeLessThanOrEqual(5);
});
