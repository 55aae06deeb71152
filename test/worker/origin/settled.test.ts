/** [LOG20] The digest that goes with a rare change. */
import { expect, test } from "vitest";

import type { Message } from "../../../shared/protocol/messages.ts";
import type { CalicoRecord } from "../../../shared/record/record.ts";
import { populatedWorld, TestReader } from "../../support/origin-peers.ts";
import { address, pod, putOf } from "../../support/records.ts";

/** A pod at a state of its own. */
function state(n: number, version: number): CalicoRecord {
  return { ...pod(`p${n}`, address(n)), labels: { version: String(version) } };
}

function quietWorld() {
  const all = populatedWorld(3);
  const old = new TestReader(all.world);
  old.connect({ versions: [1] });
  all.world.advance(5_000);
  for (const reader of [all.reader, old]) reader.received.length = 0;
  return { ...all, old };
}

test("[LOG20] a rare change costs each reader one message, and the view is proven with it; a reader of version 1 gets its checkpoint at once", () => {
  const { world, publisher, reader, old } = quietWorld();
  for (let n = 1; n <= 3; n++) {
    publisher.change(putOf(state(0, n)));
    expect([reader.isInSync, old.isInSync]).toEqual([true, true]);
    world.advance(1_000);
  }
  expect(reader.received.map(({ type }) => type)).toEqual(["frame", "frame", "frame"]);
  const told = old.received.map(({ type }) => type).join(" ");
  expect(told).toBe("frame checkpoint frame checkpoint frame checkpoint");
});

const kinds = (received: readonly Message[]): (string | boolean)[] =>
  received.map((message) => (message.type === "frame" ? message.settled !== null : message.type));

test("[LOG20] of changes in a rush the first ones bring the digest, and a checkpoint follows the last", () => {
  const { world, publisher, reader } = quietWorld();
  for (let n = 1; n <= 40; n++) publisher.change(putOf(state(0, n)));
  expect(reader.isInSync).toBe(false);
  world.advance(1_000);
  const told = kinds(reader.received);
  expect(told.slice(0, 16)).not.toContain(false);
  expect(told.slice(20, 40)).not.toContain(true);
  expect(told.slice(40)).toEqual(["checkpoint"]);
  expect(reader.isInSync).toBe(true);
});

test("[LOG20] a hub that is late and commits in bunches sends no more messages than one that is not", () => {
  const { world, publisher, reader, old } = quietWorld();
  for (let n = 1; n <= 20; n++) {
    for (const of of [0, 1, 2]) publisher.change(putOf(state(of, n)));
    world.advance(1_500);
  }
  expect(reader.received).toHaveLength(60);
  expect(kinds(reader.received)).not.toContain(false);
  expect(old.isInSync).toBe(true);
});

test("[LOG20] a change of much is told by a checkpoint, as what must be hashed would keep others waiting", () => {
  const { world, publisher, reader } = populatedWorld(20_000);
  world.advance(5_000);
  reader.received.length = 0;
  const many = Array.from({ length: 300 }, (_, n) => putOf(state(n, 1)));
  publisher.change(...many);
  world.advance(1_000);
  expect(kinds(reader.received)).toEqual([false, "checkpoint"]);
  reader.received.length = 0;
  publisher.change(putOf(state(0, 2)));
  expect(kinds(reader.received)).toEqual([true]);
});

test("[LOG20] at the pace of Cloudflare every frame brings the digest: no timer keeps the object awake", () => {
  const { world, publisher, reader } = populatedWorld(3, 1_000);
  world.advance(5_000);
  reader.received.length = 0;
  for (let n = 1; n <= 4; n++) publisher.change(putOf(state(0, n)));
  expect(reader.isInSync).toBe(true);
  expect([...world.timers.keys()]).not.toContain("checkpoint");
  expect(new Set(reader.received.map(({ type }) => type))).toEqual(new Set(["frame"]));
});

test("[LOG20] a view whose digest is not the one that a frame brings is repaired", () => {
  const { world, publisher, reader } = quietWorld();
  const view = reader.views.get("identity");
  const [held] = [...(view?.trie.entries() ?? [])];
  if (held !== undefined) view?.trie.delete(held.keyHash);
  publisher.change(putOf(state(1, 1)));
  expect(reader.count("repair-plan")).toBe(1);
  world.advance(1_000);
  expect(reader.isInSync).toBe(true);
  expect(reader.keys()).toHaveLength(3);
});
