/** Frames say when what is in them was seen at its source. */
import { expect, test } from "vitest";

import type { Frame, Message } from "../../../shared/protocol/messages.ts";
import { TestReader } from "../../support/origin-peers.ts";
import type { TestPublisher } from "../../support/origin-peers.ts";
import { address, pod, putOf } from "../../support/records.ts";
import { db, DB, granted, put, scopedWorld, web } from "../../support/scoped-world.ts";

function seenIn(reader: TestReader): (number | null)[] {
  return framesOf(reader.received).map(({ seenMs }) => seenMs ?? null);
}

function framesOf(messages: readonly Message[]): Frame[] {
  return messages.filter((message) => message.type === "frame");
}

/** The publisher sends a frame that says when it was seen. */
function publish(publisher: TestPublisher, n: number, seenMs: number | null): void {
  const { world } = publisher;
  const before = publisher.sent.length;
  const toOrigin = world.toOrigin.bind(world);
  world.toOrigin = (id, message) =>
    toOrigin(id, message.type === "publish" ? { ...message, seenMs } : message);
  publisher.change(put(n % 2 === 0 ? db(`n${n}`, n) : web(`n${n}`, n)));
  world.toOrigin = toOrigin;
  expect(publisher.sent.length).toBeGreaterThan(before);
  world.advance(2_000);
}

test("[API55] a frame brings the time to readers that know it, and none where none is known", () => {
  const { world, publisher } = scopedWorld();
  world.push(granted(2, null));
  const [reader, older] = [new TestReader(world), new TestReader(world)];
  reader.connect({ accessVersion: 2 });
  older.connect({ accessVersion: 2, versions: [4, 3, 2, 1] });
  for (const each of [reader, older]) each.received.length = 0;
  publish(publisher, 10, 1_111);
  publish(publisher, 11, null);
  publish(publisher, 12, 2_222);
  expect(seenIn(reader)).toEqual([1_111, null, 2_222]);
  expect(seenIn(older)).toEqual([null, null, null]);
  expect(reader.ips()).toEqual(older.ips());
});

test("[API55] the log of a scope has the time of what it shows, and of nothing else", () => {
  const { publisher, reader } = scopedWorld(DB);
  reader.received.length = 0;
  publish(publisher, 10, 1_111);
  // Not in the scope: its log stays where it was.
  publish(publisher, 11, 2_222);
  publish(publisher, 12, 3_333);
  expect(seenIn(reader)).toEqual([1_111, 3_333]);
});

test("[API55] what a reader is sent from the disk has no time", () => {
  const { world, publisher, reader } = scopedWorld();
  publish(publisher, 10, 1_111);
  world.evict();
  reader.received.length = 0;
  const late = new TestReader(world);
  late.connect();
  expect(framesOf(late.received).every(({ seenMs }) => (seenMs ?? null) === null)).toBe(true);
  publisher.change(putOf(pod("plain", address(77))));
  expect(world.failures).toEqual([]);
});
