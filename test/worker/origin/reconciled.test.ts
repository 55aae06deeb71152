import { expect, test } from "vitest";

import { populatedWorld, TestPublisher, TestReader } from "../../support/origin-peers.ts";
import { facts, OriginWorld } from "../../support/origin-world.ts";
import { address, pod, pool, putOf } from "../../support/records.ts";

test("[LOG7] a reader is in sync with all that was published before, not earlier and not without a reconciliation", () => {
  const world = new OriginWorld();
  const publisher = new TestPublisher(world);
  const reader = new TestReader(world);
  publisher.connect();
  publisher.change(putOf(pod("a", "10.20.0.1")));
  reader.connect();
  world.advance(20_000);
  expect(reader.isInSync).toBe(false);
  publisher.listed();
  world.advance(1_000);
  expect(reader.isInSync).toBe(true);
  expect(reader.ips()).toEqual(["10.20.0.1"]);
});

test("[PUB2] a source that lists less after a reconnect deletes what is missing, by hash, as inferred", () => {
  const { world, publisher, reader } = populatedWorld(10);
  world.disconnect(publisher.socket);
  const half = new TestPublisher(world);
  half.change(putOf(pool("10.20.0.0/16")));
  for (let n = 0; n < 5; n++) half.change(putOf(pod(`p${n}`, address(n))));
  half.connect();
  world.advance(1_000);
  expect(reader.keys()).toHaveLength(10);
  half.listed();
  world.advance(1_000);
  expect(reader.keys()).toHaveLength(5);
  expect(reader.isInSync).toBe(true);
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
  publisher.change(putOf(pod("meanwhile", "10.20.9.9")));
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
  for (const { record } of publisher.local.records()) again.change(putOf(record));
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
  publisher.change(putOf(pool("10.20.0.0/16")));
  publisher.listed();
  publisher.connect();
  expect(world.claims).toHaveLength(1);
  world.evict();
  world.advance(1_000);
  expect(world.claims).toHaveLength(2);
});

test("[LOG14] [LOG50] a claim that could not be asked while the quarantine is judged again is asked later all the same", () => {
  const none = { pods: [], nodes: [] };
  const world = new OriginWorld(facts({ ranges: none }));
  const publisher = new TestPublisher(world);
  publisher.change(putOf(pool("10.20.0.0/16")));
  publisher.listed();
  publisher.connect();
  const asked = world.claims.length;
  expect(asked).toBeGreaterThan(0);
  // Other facts: slice by slice what is refused is judged again. The pool is, and asks; then its
  // claim is lost, and slices are still to come.
  world.origin.onFacts(facts({ accessVersion: 2, ranges: none }));
  while (world.claims.length === asked) {
    world.timers.delete("rejudge");
    world.origin.onTimer("rejudge");
  }
  world.origin.onClaimFailed(world.claims.slice(asked), "lost");
  world.settle();
  expect(world.claims).toHaveLength(asked + 1);
  world.advance(3_000);
  expect(world.claims).toHaveLength(asked + 2);
});
