import { expect, test } from "vitest";

import { WITHHELD_EPOCH } from "../../../shared/log/cursor.ts";
import type { Channel } from "../../../shared/record/channel.ts";
import type { OriginFacts } from "../../../shared/visibility/facts.ts";
import { TestPublisher, TestReader } from "../../support/origin-peers.ts";
import { facts, OriginWorld, READER_UID } from "../../support/origin-world.ts";
import { block, tunnelNode } from "../../support/overlay.ts";
import { pod, pool, putOf } from "../../support/records.ts";

const ROUTING = ["identity", "pools", "routing"] as const;

function permitted(accessVersion: number, channels?: readonly Channel[]): OriginFacts {
  const own = channels === undefined ? {} : { channels };
  const cluster = { uid: READER_UID, name: "app" };
  return facts({
    accessVersion,
    readers: [{ cluster, keyGeneration: 1, rcc: "db", ...own }],
    ranges: { pods: ["10.20.0.0/16"], nodes: ["192.0.20.0/24"] },
  });
}

function worldOf(first: OriginFacts) {
  const world = new OriginWorld(first);
  const publisher = new TestPublisher(world);
  publisher.connect();
  publisher.change(
    putOf(pool("10.20.0.0/16")),
    putOf(tunnelNode(20, "node-1", 1)),
    putOf(block("10.20.1.0/26", "node-1")),
    putOf(pod("a", "10.20.1.1")),
  );
  publisher.listed();
  world.advance(1_000);
  const reader = new TestReader(world);
  reader.connect();
  world.advance(1_000);
  const routing = () =>
    [...(reader.views.get("routing")?.records() ?? [])].map(({ record }) => record.kind).toSorted();
  return { world, publisher, reader, routing };
}

test("[VIS51] a reader gets identity and pools, an empty log for routing, and is in sync", () => {
  const { reader, routing } = worldOf(permitted(1));
  expect([reader.ips(), routing(), reader.isInSync]).toEqual([["10.20.1.1"], [], true]);
  expect(reader.views.get("routing")?.cursor?.epoch).toBe(WITHHELD_EPOCH);
  expect(reader.views.get("pools")?.cursor?.epoch).not.toBe(WITHHELD_EPOCH);
});

test("[VIS51] when routing is permitted the reader is closed, comes back and is given it; when it is not any more all of it goes", () => {
  const { world, publisher, reader, routing } = worldOf(permitted(1));
  world.push(permitted(2, ROUTING));
  expect(world.closedWith(reader.socket)).toBe("not-ready");
  reader.connect();
  world.advance(1_000);
  expect([routing(), reader.isInSync]).toEqual([["IPAMBlock", "Node"], true]);
  world.evict();
  publisher.change(putOf(block("10.20.2.0/26", "node-1")));
  world.advance(1_000);
  expect(routing()).toEqual(["IPAMBlock", "IPAMBlock", "Node"]);
  world.push(permitted(3));
  expect(world.closedWith(reader.socket)).toBe("not-ready");
  const before = reader.received.length;
  publisher.change(putOf(block("10.20.3.0/26", "node-1")));
  world.advance(1_000);
  expect(reader.received.length).toBe(before);
  reader.connect();
  world.advance(1_000);
  expect([routing(), reader.isInSync, reader.ips()]).toEqual([[], true, ["10.20.1.1"]]);
});

test("[VIS51] a reader that has not acknowledged an empty log outlives an eviction of the Origin", () => {
  const { world, publisher, reader } = worldOf(permitted(1));
  world.evict();
  publisher.change(putOf(pod("b", "10.20.1.2")));
  world.advance(1_000);
  expect([reader.ips().length, world.closedWith(reader.socket)]).toEqual([2, null]);
});
