import { expect, test } from "vitest";

import { keyOf } from "../../../shared/record/key.ts";
import { BUDGETS } from "../../../worker/origin/budgets/limits.ts";
import { populatedWorld, TestReader } from "../../support/origin-peers.ts";
import { rawHome } from "../../support/raw-home.ts";
import { address, pod, pool, put, putOf } from "../../support/records.ts";

test("[LOG1] the bytes that were published are the bytes that are stored and sent", () => {
  const { publisher, reader } = populatedWorld(0);
  publisher.change(putOf(pod("a", "10.20.0.1")));
  const sent = publisher.sent.findLast((message) => message.type === "publish");
  const got = reader.received.findLast((message) => message.type === "frame");
  expect(
    got?.type === "frame" &&
      sent?.type === "publish" &&
      Buffer.from(got.payload).equals(sent.payload),
  ).toBe(true);
});

test("[LOG3] a reader that comes back gets the frames it lacks, and no blob", () => {
  const { world, publisher, reader } = populatedWorld(50);
  expect(reader.isInSync).toBe(true);
  world.disconnect(reader.socket);
  publisher.change(putOf(pod("late", "10.20.9.9")), {
    op: "delete",
    key: keyOf(pod("p0", address(0))),
    cause: "observed",
  });
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
  publisher.change(putOf(pod("p7", "10.20.200.7")));
  reader.received.length = 0;
  reader.connect();
  world.advance(1_000);
  expect(reader.count("blob")).toBeLessThanOrEqual(2);
  expect(reader.isInSync).toBe(true);
  expect(reader.ips()).toContain("10.20.200.7");
});

test("[LOG4] the log keeps a bounded number of rows, and nothing is lost when slots are used again", () => {
  const { world, publisher, reader } = populatedWorld(10);
  for (let n = 0; n < BUDGETS.ringFrames + 500; n++)
    publisher.change(putOf(pod("flapping", address(n % 2_000))));
  world.advance(1_000);
  expect(Number(world.sql.run("SELECT COUNT(*) AS n FROM frames")[0]?.["n"])).toBeLessThanOrEqual(
    3 * BUDGETS.ringFrames,
  );
  expect(reader.isInSync).toBe(true);
  const late = new TestReader(world);
  late.connect();
  world.advance(1_000);
  expect(late.isInSync).toBe(true);
  expect(late.keys()).toEqual(reader.keys());
});

test("[LOG12] an address that moves from one pod to another is never lost, in any order of events", () => {
  for (const order of [0, 1, 2]) {
    const { world, publisher, reader } = populatedWorld(0);
    const a = pod("a", "10.20.0.1");
    const b = pod("b", "10.20.0.1");
    const events = [
      putOf(a),
      putOf(b),
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

test("[LOG16] [LOG52] frames that come in a rush share a commit, in their order, each acknowledged by itself", () => {
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
