import { expect, test } from "vitest";

import { channelOf } from "../../../shared/record/channel.ts";
import { keyOf } from "../../../shared/record/key.ts";
import type { SqlDatabase } from "../../../worker/storage/sql.ts";
import type { MemoryView } from "../../../relay/view/memory-view.ts";
import { SimSql } from "../../sim/sql.ts";
import { nodeSql } from "../../support/node-sql.ts";
import { populatedWorld, TestPublisher, TestReader } from "../../support/origin-peers.ts";
import { facts, OriginWorld } from "../../support/origin-world.ts";
import { address, pod, pool, putOf } from "../../support/records.ts";

test("[LOG10] the object may be evicted between any two messages: nothing is lost, nothing is told twice as new", () => {
  const { world, publisher, reader } = populatedWorld(5);
  for (let n = 0; n < 30; n++) {
    world.evict();
    publisher.change(putOf(pod(`e${n}`, address(100 + n))));
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
      .filter(({ record }) => channelOf(record.kind) === "identity")
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
    if (record.kind !== "WorkloadEndpoint" || record.name !== "p3") again.change(putOf(record));
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
  oldPublisher.change(putOf(pool("10.20.0.0/16")), putOf(pod("p0", address(0))));
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
  for (const { record } of publisher.local.records()) back.change(putOf(record));
  back.listed();
  back.connect();
  old.advance(1_000);
  expect(ahead.keys()).toHaveLength(5);
  expect(ahead.isInSync).toBe(true);
  expect(ahead.changes.filter((change) => change.op === "delete")).toEqual([]);
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
    publisher.change(putOf(pool("10.20.0.0/16")), putOf(pod("p0", address(0))));
    publisher.listed();
    publisher.connect();
    writes = failAt;
    for (let n = 1; n < 20; n++) {
      publisher.change(putOf(pod(`p${n}`, n % 4 === 0 ? "192.168.0.1" : address(n))));
      if (world.failures.length > 0) break;
    }
    expect(world.failures).toEqual(["Error: database or disk is full"]);
    for (let n = 20; n < 25; n++) publisher.change(putOf(pod(`p${n}`, address(n))));
    publisher.connect(publisher.term);
    const reader = new TestReader(world);
    reader.connect();
    world.advance(1_000);
    expect(publisher.publisher.status().phase).toBe("reconciled");
    expect(reader.isInSync).toBe(true);
    const own = [...publisher.local.records()].filter(
      ({ record }) => channelOf(record.kind) === "identity",
    );
    const refused = new Set(world.origin.quarantine(100).map((entry) => entry.key));
    expect(reader.keys()).toEqual(
      own
        .map((r) => r.key)
        .filter((key) => !refused.has(key))
        .toSorted(),
    );
  }
});

test("[VIE8] an older log's deletion of a pod that has come back since takes it from nobody", () => {
  const sql = new SimSql();
  const world = new OriginWorld(facts(), sql);
  const publisher = new TestPublisher(world);
  const reader = new TestReader(world);
  publisher.listed();
  publisher.connect();
  reader.connect();
  const back = pod("p0", address(0), { v: "again" });
  publisher.change(putOf(pool("10.20.0.0/16")), putOf(pod("p0", address(0))));
  world.push(facts({ accessVersion: 2 }));
  publisher.change({ op: "delete", key: keyOf(back), cause: "observed" });
  const copy = sql.copy();
  publisher.change(putOf(back));
  world.advance(1_000);
  expect(reader.isInSync).toBe(true);

  sql.putBack(copy);
  world.crash();
  const told = reader.changes.length;
  reader.connect();
  world.advance(1_000);
  expect(reader.isInSync).toBe(false);
  expect(reader.keys()).toEqual([keyOf(back)]);
  publisher.connect();
  world.advance(1_000);
  expect(reader.isInSync).toBe(true);
  expect(reader.changes.slice(told)).toEqual([]);
});

test("[VIE26] a log that was put back behind a view shows older records, and is not told until its publisher has reconciled", () => {
  const sql = new SimSql();
  const world = new OriginWorld(facts(), sql);
  const publisher = new TestPublisher(world);
  const reader = new TestReader(world);
  publisher.listed();
  publisher.connect();
  reader.connect();
  publisher.change(putOf(pool("10.20.0.0/16")), putOf(pod("p0", address(0), { v: "1" })));
  world.push(facts({ accessVersion: 2 }));
  world.advance(1_000);
  const copy = sql.copy();
  publisher.change(putOf(pod("p0", address(0), { v: "2" })));
  world.advance(1_000);
  const view = reader.views.get("identity") as MemoryView;
  const shown = (): string =>
    [...view.records()].map(({ record }) => ("labels" in record ? record.labels["v"] : "")).join();
  expect([shown(), view.health().isPutBack]).toEqual(["2", false]);

  sql.putBack(copy);
  world.crash();
  reader.connect();
  world.advance(20_000);
  expect([shown(), view.health().isPutBack]).toEqual(["1", true]);
  // Another connection finds the same log.
  world.disconnect(reader.socket);
  reader.connect();
  world.advance(20_000);
  expect(view.health()).toMatchObject({ isPutBack: true, wasComplete: true });
  publisher.connect();
  world.advance(1_000);
  expect([shown(), view.health().isPutBack, reader.isInSync]).toEqual(["2", false, true]);
});

test("[LOG10] what a reader acknowledges of before its repair, or of another history, is no position: a hub that slept does not go on from there", () => {
  const { world, reader: settled } = populatedWorld(3);
  const { revision, chain } = (settled.views.get("identity") as MemoryView).acknowledged;
  const ofBefore = { revision: revision + 1, chain };
  const ofAnother = { revision, chain: chain.map((byte) => byte ^ 1) };
  for (const wrong of [ofBefore, ofAnother]) {
    const reader = new TestReader(world);
    reader.isPaused = true;
    reader.connect();
    const ack = {
      type: "reader-ack",
      origin: 0,
      channel: "identity",
      receivedBytes: 0,
      mark: null,
    } as const;
    world.toOrigin(reader.socket, { ...ack, ...wrong });
    const before = reader.received.length;
    world.evict();
    const answer = { type: "repair-needed", channel: "identity" };
    expect(reader.received.slice(before)).toContainEqual(expect.objectContaining(answer));
    reader.resume();
    expect(reader.isInSync).toBe(true);
  }
});
