import { createHash } from "node:crypto";

import { expect, test } from "vitest";

import { LIMITS } from "../../../shared/protocol/limits.ts";
import { keyOf } from "../../../shared/record/key.ts";
import { RING_SLOTS } from "../../../worker/origin/log-store.ts";
import type { SqlDatabase } from "../../../worker/storage/sql.ts";
import { nodeSql } from "../../support/node-sql.ts";
import {
  facts,
  OriginWorld,
  populatedWorld,
  TestPublisher,
  TestReader,
} from "../../support/origin-world.ts";
import { rawHome } from "../../support/raw-home.ts";
import { address, pod, pool, put } from "../../support/records.ts";

/** Labels that do not compress. */
function noise(seed: number): Record<string, string> {
  const hash = (n: number) => createHash("sha256").update(`${seed} ${n}`).digest("hex");
  return { a: hash(1), b: hash(2), c: hash(3) };
}

test("[LOG1] the bytes that were published are the bytes that are stored and sent", () => {
  const { publisher, reader } = populatedWorld(0);
  publisher.change({ op: "put", record: pod("a", "10.20.0.1") });
  const sent = publisher.sent.findLast((message) => message.type === "publish");
  const got = reader.received.findLast((message) => message.type === "frame");
  expect(
    got?.type === "frame" &&
      sent?.type === "publish" &&
      Buffer.from(got.payload).equals(sent.payload),
  ).toBe(true);
});

test("[LOG7] a reader is in sync with all that was published before, not earlier and not without a reconciliation", () => {
  const world = new OriginWorld();
  const publisher = new TestPublisher(world);
  const reader = new TestReader(world);
  publisher.connect();
  publisher.change({ op: "put", record: pod("a", "10.20.0.1") });
  reader.connect();
  world.advance(20_000);
  expect(reader.isInSync).toBe(false);
  publisher.listed();
  world.advance(1_000);
  expect(reader.isInSync).toBe(true);
  expect(reader.ips()).toEqual(["10.20.0.1"]);
});

test("[LOG3] a reader that comes back gets the frames it lacks, and no blob", () => {
  const { world, publisher, reader } = populatedWorld(50);
  expect(reader.isInSync).toBe(true);
  world.disconnect(reader.socket);
  publisher.change(
    { op: "put", record: pod("late", "10.20.9.9") },
    { op: "delete", key: keyOf(pod("p0", address(0))), cause: "observed" },
  );
  reader.received.length = 0;
  reader.connect();
  expect([reader.count("frame"), reader.count("blob"), reader.count("repair-needed")]).toEqual([
    1, 0, 0,
  ]);
  expect(reader.ips()).toContain("10.20.9.9");
  expect(reader.keys()).not.toContain(keyOf(pod("p0", address(0))));
});

test("[LOG6] a repair sends only blobs that differ", () => {
  const { world, publisher, reader } = populatedWorld(3_000);
  expect(reader.isInSync).toBe(true);
  world.disconnect(reader.socket);
  // Another history of the same content: the reader's position is worth nothing, its records are.
  for (const view of reader.views.values())
    view.onMessage({
      type: "repair-plan",
      origin: 0,
      channel: view.channel,
      epoch: "elsewhere",
      head: 0,
      blobs: 0,
      after: 0,
      chain: new Uint8Array(16),
    });
  publisher.change({ op: "put", record: pod("p7", "10.20.200.7") });
  reader.received.length = 0;
  reader.connect();
  world.advance(1_000);
  expect(reader.count("blob")).toBeLessThanOrEqual(2);
  expect(reader.isInSync).toBe(true);
  expect(reader.ips()).toContain("10.20.200.7");
});

test("[LOG4] the log keeps a bounded number of rows, and nothing is lost when slots are used again", () => {
  const { world, publisher, reader } = populatedWorld(10);
  for (let n = 0; n < RING_SLOTS + 500; n++)
    publisher.change({ op: "put", record: pod("flapping", address(n % 2_000)) });
  world.advance(1_000);
  expect(Number(world.sql.run("SELECT COUNT(*) AS n FROM frames")[0]?.["n"])).toBeLessThanOrEqual(
    3 * RING_SLOTS,
  );
  expect(reader.isInSync).toBe(true);
  const late = new TestReader(world);
  late.connect();
  world.advance(1_000);
  expect(late.isInSync).toBe(true);
  expect(late.keys()).toEqual(reader.keys());
}, 60_000);

test("[LOG8] what is refused is quarantined with its rule, is not sent to readers, and is not published again", () => {
  const { world, publisher, reader } = populatedWorld(1);
  publisher.change({ op: "put", record: pod("stray", "192.168.7.7") });
  expect(reader.ips()).toEqual([address(0)]);
  expect(world.origin.quarantine(10)).toMatchObject([
    { rule: "outside-pod-ranges", message: "192.168.7.7 is outside the cluster's pod ranges" },
  ]);
  world.disconnect(publisher.socket);
  publisher.sent.length = 0;
  publisher.connect();
  expect(publisher.sent.filter((message) => message.type === "publish")).toEqual([]);
  expect(publisher.publisher.status().phase).toBe("reconciled");
});

test("[ADM9] a quarantined record is judged again when ranges change, and published then", () => {
  const { world, publisher, reader } = populatedWorld(1);
  publisher.change({ op: "put", record: pod("early", "10.30.0.1") });
  expect(reader.ips()).not.toContain("10.30.0.1");
  world.push(
    facts({ accessVersion: 2, ranges: { pods: ["10.20.0.0/16", "10.30.0.0/16"], nodes: [] } }),
  );
  world.advance(1_000);
  expect(reader.ips()).toContain("10.30.0.1");
  expect(world.origin.quarantine(10)).toEqual([]);
  expect(reader.isInSync).toBe(true);
});

test("[ADM8] an admitted pod that moves out of its ranges leaves the readers at once", () => {
  const { publisher, reader } = populatedWorld(1);
  publisher.change({ op: "put", record: pod("p0", "192.168.7.7") });
  expect(reader.ips()).toEqual([]);
  publisher.change({ op: "put", record: pod("p0", address(0)) });
  expect(reader.ips()).toEqual([address(0)]);
});

test("[ADM3] a pool that nobody has claimed is claimed once", () => {
  const world = new OriginWorld(facts({ ranges: { pods: [], nodes: [] } }));
  const publisher = new TestPublisher(world);
  publisher.change(
    { op: "put", record: pool("10.20.0.0/16") },
    { op: "put", record: pod("a", "10.20.0.1") },
  );
  publisher.listed();
  publisher.connect();
  expect(world.claims).toEqual([{ cidr: "10.20.0.0/16", use: "pods" }]);
  world.push(facts({ accessVersion: 2 }));
  world.advance(1_000);
  expect(world.origin.quarantine(10)).toEqual([]);
});

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

test("[LOG10] the object may be evicted between any two messages: nothing is lost, nothing is told twice as new", () => {
  const { world, publisher, reader } = populatedWorld(5);
  for (let n = 0; n < 30; n++) {
    world.evict();
    publisher.change({ op: "put", record: pod(`e${n}`, address(100 + n)) });
    if (n % 3 === 0)
      publisher.change({
        op: "delete",
        key: keyOf(pod(`e${n}`, address(100 + n))),
        cause: "observed",
      });
  }
  world.evict();
  world.advance(1_000);
  expect(reader.isInSync).toBe(true);
  expect(reader.keys()).toEqual(
    [...publisher.local.records()]
      .filter((r) => r.channel === "identity")
      .map((r) => r.key)
      .toSorted(),
  );
  expect(world.closedWith(reader.socket)).toBe(null);
});

test("[LOG11] what was acknowledged survives a crash; the publisher sends nothing again", () => {
  const { world, publisher } = populatedWorld(200);
  world.crash();
  publisher.sent.length = 0;
  publisher.connect(publisher.term);
  expect(publisher.sent.filter((message) => message.type !== "reconciled")).toEqual([]);
  const reader = new TestReader(world);
  reader.connect();
  world.advance(1_000);
  expect(reader.isInSync).toBe(true);
  expect(reader.keys()).toHaveLength(200);
});

test("[VIE8] a hub that lost its disk empties nobody: records stay, stale, until its publisher has reconciled", () => {
  const { world, publisher, reader } = populatedWorld(20);
  const keys = reader.keys();
  const empty = new OriginWorld();
  const fresh = new TestReader(empty);
  for (const [channel, view] of reader.views) fresh.views.set(channel, view);
  world.disconnect(reader.socket);
  fresh.connect();
  empty.advance(20_000);
  expect(fresh.keys()).toEqual(keys);
  expect(fresh.isInSync).toBe(false);
  const again = new TestPublisher(empty);
  for (const { record } of publisher.local.records())
    if (record.kind !== "WorkloadEndpoint" || record.name !== "p3")
      again.change({ op: "put", record });
  again.connect();
  empty.advance(1_000);
  expect(fresh.keys()).toEqual(keys);
  again.listed();
  empty.advance(1_000);
  expect(fresh.isInSync).toBe(true);
  expect(fresh.keys()).toEqual(keys.filter((key) => !key.includes("p3/")));
});

test("[VIE8] yesterday's storage: a reader ahead of the log loses no key before the publisher is back, and then only what is gone", () => {
  const { world, publisher, reader } = populatedWorld(5);
  world.disconnect(reader.socket);
  const old = new OriginWorld();
  const oldPublisher = new TestPublisher(old);
  oldPublisher.change(
    { op: "put", record: pool("10.20.0.0/16") },
    { op: "put", record: pod("p0", address(0)) },
  );
  oldPublisher.listed();
  oldPublisher.connect();
  old.disconnect(oldPublisher.socket);
  old.crash();
  const ahead = new TestReader(old);
  for (const [channel, view] of reader.views) ahead.views.set(channel, view);
  ahead.connect();
  old.advance(20_000);
  expect(ahead.keys()).toHaveLength(5);
  const back = new TestPublisher(old);
  for (const { record } of publisher.local.records()) back.change({ op: "put", record });
  back.listed();
  back.connect();
  old.advance(1_000);
  expect(ahead.keys()).toHaveLength(5);
  expect(ahead.isInSync).toBe(true);
  expect(ahead.changes.filter((change) => change.op === "delete")).toEqual([]);
});

test("[PUB2] a source that lists less after a reconnect deletes what is missing, by hash, as inferred", () => {
  const { world, publisher, reader } = populatedWorld(10);
  world.disconnect(publisher.socket);
  const half = new TestPublisher(world);
  half.change({ op: "put", record: pool("10.20.0.0/16") });
  for (let n = 0; n < 5; n++) half.change({ op: "put", record: pod(`p${n}`, address(n)) });
  half.connect();
  world.advance(1_000);
  expect(reader.keys()).toHaveLength(10);
  half.listed();
  world.advance(1_000);
  expect(reader.keys()).toHaveLength(5);
  expect(reader.isInSync).toBe(true);
});

test("[LOG12] an address that moves from one pod to another is never lost, in any order of events", () => {
  for (const order of [0, 1, 2]) {
    const { world, publisher, reader } = populatedWorld(0);
    const a = pod("a", "10.20.0.1");
    const b = pod("b", "10.20.0.1");
    const events = [
      { op: "put" as const, record: a },
      { op: "put" as const, record: b },
      { op: "delete" as const, key: keyOf(a), cause: "observed" as const },
    ];
    const ordered =
      order === 0
        ? events
        : order === 1
          ? [events[0], events[2], events[1]]
          : [events[1], events[0], events[2]];
    for (const event of ordered) if (event !== undefined) publisher.change(event);
    world.advance(1_000);
    expect(reader.ips()).toEqual(["10.20.0.1"]);
    expect(reader.keys()).toEqual([keyOf(b)]);
  }
});

test("[LOG13] a commit that fails is not acknowledged, and memory never goes on ahead of the disk", () => {
  for (let failAt = 1; failAt <= 12; failAt++) {
    const sql = nodeSql();
    let writes = Number.POSITIVE_INFINITY;
    const failing: SqlDatabase = {
      run: (statement, ...values) => {
        if (/^(INSERT|DELETE|UPDATE)/.test(statement) && --writes === 0)
          throw new Error("database or disk is full");
        return sql.run(statement, ...values);
      },
      transaction: (work) => sql.transaction(work),
    };
    const world = new OriginWorld(facts(), failing);
    const publisher = new TestPublisher(world);
    publisher.change(
      { op: "put", record: pool("10.20.0.0/16") },
      { op: "put", record: pod("p0", address(0)) },
    );
    publisher.listed();
    publisher.connect();
    writes = failAt;
    for (let n = 1; n < 20; n++) {
      publisher.change({
        op: "put",
        record: pod(`p${n}`, n % 4 === 0 ? "192.168.0.1" : address(n)),
      });
      if (world.failures.length > 0) break;
    }
    expect(world.failures).toEqual(["Error: database or disk is full"]);
    for (let n = 20; n < 25; n++) publisher.change({ op: "put", record: pod(`p${n}`, address(n)) });
    publisher.connect(publisher.term);
    const reader = new TestReader(world);
    reader.connect();
    world.advance(1_000);
    expect(publisher.publisher.status().phase).toBe("reconciled");
    expect(reader.isInSync).toBe(true);
    const own = [...publisher.local.records()].filter((r) => r.channel === "identity");
    const refused = new Set(world.origin.quarantine(100).map((entry) => entry.key));
    expect(reader.keys()).toEqual(
      own
        .map((r) => r.key)
        .filter((key) => !refused.has(key))
        .toSorted(),
    );
  }
});

test("[LOG7] a reader that asks for a repair while a checkpoint is on its way gets another one after the repair", () => {
  const { world, publisher, reader } = populatedWorld(5);
  const view = reader.views.get("identity");
  view?.onMessage({
    type: "repair-needed",
    origin: 0,
    channel: "identity",
    epoch: "e",
    reason: "test",
  });
  publisher.change({ op: "put", record: pod("meanwhile", "10.20.9.9") });
  world.advance(1_000);
  expect(reader.isInSync).toBe(false);
  world.toOrigin(reader.socket, {
    type: "repair",
    origin: 0,
    channel: "identity",
    leaves: view?.trie.leaves() ?? [],
  });
  world.advance(1_000);
  expect(reader.isInSync).toBe(true);
  expect(reader.ips()).toContain("10.20.9.9");
});

test("[LOG14] a hub that knows no ranges yet sweeps nothing while claims are under way", () => {
  const { publisher, reader } = populatedWorld(10);
  const keys = reader.keys();
  const rebuilt = new OriginWorld(facts({ ranges: { pods: [], nodes: [] } }));
  const late = new TestReader(rebuilt);
  for (const [channel, view] of reader.views) late.views.set(channel, view);
  late.connect();
  const again = new TestPublisher(rebuilt);
  for (const { record } of publisher.local.records()) again.change({ op: "put", record });
  again.listed();
  again.connect();
  rebuilt.advance(30_000);
  expect(rebuilt.claims).toEqual([{ cidr: "10.20.0.0/16", use: "pods" }]);
  expect([late.keys(), late.isInSync]).toEqual([keys, false]);
  rebuilt.push(facts({ accessVersion: 2 }));
  rebuilt.advance(1_000);
  expect([late.keys(), late.isInSync]).toEqual([keys, true]);
  expect(late.changes.filter((change) => change.op === "delete")).toEqual([]);
});

test("[LOG14] a claim that was never answered is asked again by the next instance", () => {
  const world = new OriginWorld(facts({ ranges: { pods: [], nodes: [] } }));
  const publisher = new TestPublisher(world);
  publisher.change({ op: "put", record: pool("10.20.0.0/16") });
  publisher.listed();
  publisher.connect();
  expect(world.claims).toHaveLength(1);
  world.evict();
  world.advance(1_000);
  expect(world.claims).toHaveLength(2);
});

test("[LOG16] frames that come in a rush share a commit, in their order, each acknowledged by itself", () => {
  const { world, publisher, reader } = populatedWorld(1);
  const revision = () => reader.views.get("identity")?.cursor?.revision ?? 0;
  const before = revision();
  const { socket, sequences, publish } = rawHome(world, publisher);
  const move = (ip: number): void => publish([put(pod("moving", address(ip)))]);
  for (let n = 1; n <= 10; n++) move(100 + n);
  world.settle();
  expect(sequences()).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  expect(revision()).toBeLessThanOrEqual(before + 2);
  expect(reader.ips()).toContain(address(110));
  publish([put(pool("10.0.0.0/8"))]);
  move(200);
  world.settle();
  expect(world.closeMessage(socket)).toMatch(/^publish 11: /);
  expect(reader.ips()).not.toContain(address(200));
});
