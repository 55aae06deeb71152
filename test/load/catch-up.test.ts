/** [LOG15] What a reader that was away, or is slow, is sent. */
import fc from "fast-check";
import { expect, test } from "vitest";

import { encodePayload } from "../../shared/log/payload.ts";
import { encodeMessage } from "../../shared/protocol/codec.ts";
import type { Blob, CatchUp, Message } from "../../shared/protocol/messages.ts";
import type { CalicoRecord } from "../../shared/record/record.ts";
import { keyOf } from "../../shared/record/key.ts";
import { populatedWorld, TestReader } from "../support/origin-peers.ts";
import { address, pod, put, putOf } from "../support/records.ts";

/** A pod at a state of its own. */
function state(n: number, version: number): CalicoRecord {
  return { ...pod(`p${n}`, address(n)), labels: { version: String(version) } };
}

const tailOf = (messages: readonly Message[]) =>
  messages.filter(({ type }) => type === "frame" || type === "catch-up" || type === "blob");

const bytesOf = (messages: readonly Message[]) =>
  messages.reduce((sum, message) => sum + encodeMessage(message).length, 0);

/** A world whose first reader is away, and one that has been there all the time. */
function worldWithAbsentee(pods = 3) {
  const { world, publisher, reader } = populatedWorld(pods);
  const live = new TestReader(world);
  live.connect();
  world.advance(1_000);
  world.disconnect(reader.socket);
  for (const each of [reader, live]) each.received.length = 0;
  return { world, publisher, reader, live };
}

test.each([1_000, 10_000])(
  "[LOG15] a key that has changed %i times costs one change, however many frames that were",
  (times) => {
    const { world, publisher, reader, live } = worldWithAbsentee();
    for (let n = 1; n <= times; n++) publisher.change(putOf(state(0, n)));
    // The last of them wait for the folding.
    world.advance(1_000);
    reader.connect();
    world.advance(1_000);
    const tail = tailOf(reader.received);
    const one = encodePayload([put(state(0, times))]).length;
    expect(tail.map(({ type }) => type)).toEqual(["catch-up"]);
    expect(bytesOf(tail)).toBeLessThanOrEqual(one + 64);
    expect(reader.isInSync).toBe(true);
    expect(reader.ips()).toEqual(live.ips());
  },
);

test("[LOG15] a pod that came and went 500 times costs one delete", () => {
  const { world, publisher, reader } = worldWithAbsentee();
  const key = keyOf(state(9, 0));
  for (let n = 1; n <= 500; n++) {
    publisher.change(putOf(state(9, n)));
    publisher.change({ op: "delete", key, cause: "observed" });
  }
  reader.connect();
  world.advance(1_000);
  expect(bytesOf(tailOf(reader.received))).toBeLessThan(120);
  expect(reader.isInSync).toBe(true);
});

test("[LOG15] a resume costs at most what live delivery would have cost, and at most 1.2 times the net change", () => {
  const { world, publisher, reader, live } = worldWithAbsentee(50);
  for (let n = 0; n < 600; n++) publisher.change(putOf(state(n % 40, n)));
  reader.connect();
  world.advance(1_000);
  const net = encodePayload(
    Array.from({ length: 40 }, (_, n) => put(state(n, 560 + ((n + 40 - (560 % 40)) % 40)))),
  ).length;
  const cost = bytesOf(tailOf(reader.received));
  expect(cost).toBeLessThanOrEqual(bytesOf(tailOf(live.received)));
  expect(cost).toBeLessThanOrEqual(1.2 * net + 64);
  expect(reader.isInSync).toBe(true);
});

test("[LOG15] [LOG51] one missed frame is sent as it is, and a reader of version 1 gets every frame", () => {
  const { world, publisher, reader } = worldWithAbsentee();
  const old = new TestReader(world);
  publisher.change(putOf(state(0, 1)));
  reader.connect();
  expect(tailOf(reader.received).map(({ type }) => type)).toEqual(["frame"]);
  old.connect({ versions: [1] });
  world.advance(1_000);
  world.disconnect(old.socket);
  old.received.length = 0;
  for (let n = 0; n < 5; n++) publisher.change(putOf(state(0, 2 + n)));
  old.connect({ versions: [1] });
  world.advance(1_000);
  expect(tailOf(old.received).map(({ type }) => type)).toEqual(Array(5).fill("frame"));
  expect(old.isInSync).toBe(true);
});

test("[LOG15] what a restart of the hub has folded away is still known to count no more", () => {
  const { world, publisher, reader } = worldWithAbsentee();
  for (let n = 1; n <= 2_200; n++) publisher.change(putOf(state(n % 2, n)));
  world.disconnect(publisher.socket);
  // Away since a revision that the ring still has.
  const late = new TestReader(world);
  late.connect();
  world.advance(1_000);
  world.disconnect(late.socket);
  late.received.length = 0;
  publisher.connect();
  for (let n = 1; n <= 700; n++) publisher.change(putOf(state(n % 2, 5_000 + n)));
  publisher.change({ op: "delete", key: keyOf(state(1, 0)), cause: "observed" });
  world.crash();
  late.connect();
  reader.connect();
  world.advance(1_000);
  expect(tailOf(late.received).map(({ type }) => type)).toEqual(["catch-up"]);
  expect(bytesOf(tailOf(late.received))).toBeLessThan(200);
  // Its position is older than the ring, which is all that survives a restart: repaired by digest.
  expect(tailOf(reader.received).map(({ type }) => type)).toContain("blob");
  expect(late.keys()).toEqual(reader.keys());
});

test("[VIE16] what a hub that slept sends again is taken as it is: no repair, nothing told twice", () => {
  const { world, publisher, reader } = populatedWorld(5);
  reader.isPaused = true;
  for (let n = 1; n <= 4; n++) publisher.change(putOf(state(n, 7)));
  publisher.change({ op: "delete", key: keyOf(state(0, 0)), cause: "observed" });
  world.advance(1_000);
  reader.received.length = 0;
  reader.changes.length = 0;
  world.evict();
  publisher.change(putOf(state(1, 8)));
  reader.isPaused = false;
  world.advance(12_000);
  const { after, revision } = reader.received.find(({ type }) => type === "catch-up") as CatchUp;
  expect(revision - after).toBeGreaterThanOrEqual(5);
  expect(reader.count("repair-needed") + reader.count("repair-plan")).toBe(0);
  expect(reader.isInSync).toBe(true);
  expect(reader.changes.map(({ held }) => held.key)).toEqual([keyOf(state(1, 0))]);
});

test.each([[1], [2, 1]])(
  "[VIE17] a repair that begins from an older blob shows no older state and no deleted pod again (versions %j)",
  (...versions) => {
    const { world, publisher, reader } = populatedWorld(5);
    for (let n = 1; n <= 4; n++) publisher.change(putOf(state(0, n)));
    publisher.change({ op: "delete", key: keyOf(state(1, 0)), cause: "observed" });
    publisher.change(putOf(state(9, 1)));
    world.advance(1_000);
    world.disconnect(reader.socket);
    for (const record of [state(2, 1), state(9, 2)]) publisher.change(putOf(record));
    publisher.change({ op: "delete", key: keyOf(state(3, 0)), cause: "observed" });
    reader.changes.length = 0;
    reader.received.length = 0;
    reader.connect({ hasForgotten: true, versions });
    world.advance(1_000);
    const blob = reader.received.find(({ type }) => type === "blob") as Blob;
    expect(blob.revision).toBeLessThan(6);
    expect(reader.isInSync).toBe(true);
    const told = new Map(reader.changes.map(({ op, held }) => [held.key, op]));
    expect(told).toEqual(
      new Map([
        [keyOf(state(2, 0)), "put"],
        [keyOf(state(3, 0)), "delete"],
        [keyOf(state(9, 0)), "put"],
      ]),
    );
    expect(reader.changes).toHaveLength(3);
  },
);

test("[LOG15] whatever changes, whoever leaves and returns, is evicted or slow: the views end equal", () => {
  const step = fc.oneof(
    { weight: 8, arbitrary: fc.record({ put: fc.nat(30), version: fc.nat(5) }) },
    { weight: 4, arbitrary: fc.record({ remove: fc.nat(30) }) },
    { weight: 2, arbitrary: fc.record({ toggle: fc.nat(2) }) },
    { weight: 1, arbitrary: fc.constantFrom("evict", "crash", "fold", "pause", "resume") },
  );
  const run = (steps: readonly unknown[]): void => {
    const { world, publisher, reader } = populatedWorld(5);
    const readers = [reader, new TestReader(world), new TestReader(world)];
    const options = [{}, { creditBytes: 1 }, { versions: [1] }];
    const here = [true, false, false];
    const connect = (n: number): void => readers[n]?.connect(options[n]);
    for (const each of steps as ({ [k: string]: number } | string)[]) {
      if (typeof each === "string") {
        if (each === "evict") world.evict();
        else if (each === "crash") {
          world.crash();
          publisher.connect();
          here.forEach((isHere, n) => isHere && connect(n));
        } else if (each === "fold") world.advance(50);
        else if (here[1] && each === "pause") readers[1]!.isPaused = true;
        else if (here[1] && each === "resume") readers[1]!.resume();
      } else if (each["put"] !== undefined)
        publisher.change(putOf(state(each["put"], each["version"] ?? 0)));
      else if (each["remove"] !== undefined)
        publisher.change({ op: "delete", key: keyOf(state(each["remove"], 0)), cause: "observed" });
      else {
        const n = each["toggle"] ?? 0;
        if (here[n]) world.disconnect(readers[n]!.socket);
        else connect(n);
        here[n] = !here[n];
      }
    }
    readers[1]!.isPaused = false;
    here.forEach((isHere, n) => isHere && world.disconnect(readers[n]!.socket));
    readers.forEach((_, n) => connect(n));
    world.advance(12_000);
    for (const each of readers) {
      expect(each.isInSync).toBe(true);
      expect(each.keys()).toEqual(readers[0]!.keys());
    }
    expect(world.failures).toEqual([]);
  };
  fc.assert(fc.property(fc.array(step, { minLength: 10, maxLength: 80 }), run), { numRuns: 150 });
});
