import { expect, test } from "vitest";

import { encodePayload } from "../../shared/log/payload.ts";
import { LIMITS } from "../../shared/protocol/limits.ts";
import { populatedWorld, TestPublisher, TestReader } from "../support/origin-peers.ts";
import { facts, OriginWorld } from "../support/origin-world.ts";
import { noise } from "../support/noise.ts";
import { address, pod, pool, put, putOf } from "../support/records.ts";

test("[VIS5] after a revocation is committed, no byte of the origin is sent to the reader", () => {
  const { world, publisher, reader } = populatedWorld(3);
  world.push(facts({ accessVersion: 2, readers: [] }));
  expect(world.closedWith(reader.socket)).toBe("access-denied");
  const before = reader.received.length;
  publisher.change(putOf(pod("secret", "10.20.8.8")));
  world.advance(20_000);
  expect(reader.received.length).toBe(before);
  reader.connect();
  expect(world.closedWith(reader.socket)).toBe("access-denied");
  expect(reader.ips()).toHaveLength(3);
});

test("[VIS5] the room that a revoked reader leaves is not given to the next one, which may read no more either", () => {
  const { world, publisher } = populatedWorld(1);
  for (let round = 0; round < 8; round++)
    publisher.change(
      ...Array.from({ length: 250 }, (_, n) =>
        putOf(pod(`x${round}-${n}`, address(round * 250 + n), noise(round * 250 + n))),
      ),
    );
  world.advance(1_000);
  // Together they have in flight what all may have; who comes then waits for room, with 64 KiB of
  // its own.
  const readers: TestReader[] = [];
  while (world.origin.inFlightBytes < LIMITS.inFlightBytes) readers.push(stalledReader(world));
  for (let n = 0; n < 3; n++) readers.push(stalledReader(world));
  const before = readers.map(({ received }) => received.length);
  world.push(facts({ accessVersion: 2, readers: [] }));
  world.settle();
  expect(readers.map(({ received }) => received.length)).toEqual(before);
  expect(readers.every(({ socket }) => world.closedWith(socket) === "access-denied")).toBe(true);
  expect(world.origin.inFlightBytes).toBe(0);
});

/** One that takes what it is sent, and never says so. */
function stalledReader(world: OriginWorld): TestReader {
  const reader = new TestReader(world);
  reader.isPaused = true;
  reader.connect();
  return reader;
}

test("[VIS3] older facts change nothing, and facts of another mesh neither", () => {
  const { world, reader } = populatedWorld(1);
  world.push(facts({ accessVersion: 5 }));
  world.push(facts({ accessVersion: 4, readers: [] }));
  world.push(facts({ accessVersion: 9, meshId: "mesh-2", readers: [] }));
  expect(world.closedWith(reader.socket)).toBe(null);
});

test("[VIS4] an Origin that starts sends nothing to readers before the Mesh has answered", () => {
  const { world, publisher } = populatedWorld(2);
  world.crash();
  world.facts = null;
  const reader = new TestReader(world);
  reader.connect();
  publisher.connect();
  world.advance(1_000);
  expect(reader.received).toEqual([]);
  world.facts = facts({ accessVersion: 2, readers: [] });
  world.advance(5_000);
  expect(world.closedWith(reader.socket)).toBe("access-denied");
  expect(reader.received).toEqual([]);
});

test("[VIS4] a reader that has seen newer facts makes the Origin ask before it sends", () => {
  const { world } = populatedWorld(2);
  const late = new TestReader(world);
  world.facts = facts({ accessVersion: 7, readers: [] });
  late.connect({ accessVersion: 7 });
  expect(late.received).toEqual([]);
  expect(world.closedWith(late.socket)).toBe("access-denied");
});

test("[VIS5] a reader with an older key is refused, and so is a publisher", () => {
  const { world, publisher, reader } = populatedWorld(1);
  world.push(
    facts({
      accessVersion: 2,
      keyGeneration: 2,
      readers: [{ cluster: { uid: "a".repeat(32), name: "app" }, keyGeneration: 2, rcc: "db" }],
    }),
  );
  expect(world.closedWith(publisher.socket)).toBe("unauthenticated");
  expect(world.closedWith(reader.socket)).toBe("unauthenticated");
});

test("[VIS6] a publisher with an older term is refused; a newer one takes over", () => {
  const { world, publisher } = populatedWorld(1);
  const first = publisher.term;
  const rival = new TestPublisher(world);
  rival.connect();
  expect(rival.term).toBe(first + 1);
  expect(world.closedWith(publisher.socket)).toBe("superseded");
  publisher.connect(first);
  expect(world.closedWith(publisher.socket)).toBe("superseded");
  expect(world.closeMessage(publisher.socket)).toBe(
    `term ${first} is older than ${first + 1}: another relay publishes`,
  );
  rival.connect(rival.term);
  expect(world.closedWith(rival.socket)).toBe(null);
});

test("[VIS7] a removed cluster's log is forgotten and its sockets are closed", () => {
  const { world, publisher, reader } = populatedWorld(3);
  world.push(facts({ accessVersion: 2, removed: true, readers: [] }));
  expect([world.closedWith(publisher.socket), world.closedWith(reader.socket)]).toEqual([
    "removed",
    "removed",
  ]);
  expect(Number(world.sql.run("SELECT COUNT(*) AS n FROM frames")[0]?.["n"])).toBe(0);
  publisher.connect();
  expect(world.closedWith(publisher.socket)).toBe("removed");
});

test("[PRO4] a malformed record, one of another channel, and garbage close the socket with the rule and change nothing", () => {
  const { world, publisher, reader } = populatedWorld(1);
  const publish = (payload: Uint8Array) => {
    // Who has broken the protocol waits for a while. [LOG28]
    world.advance(3_000);
    publisher.connect(publisher.term);
    world.toOrigin(publisher.socket, {
      type: "publish",
      channel: "identity",
      sequence: 99,
      payload,
    });
    world.settle();
    return [world.closedWith(publisher.socket), world.closeMessage(publisher.socket)];
  };
  expect(publish(encodePayload([{ op: "put", bytes: Uint8Array.of(0x92, 9, 0) }]))).toEqual([
    "protocol-error",
    "publish 99: record field valueVersion is 9, this version knows 1",
  ]);
  expect(publish(encodePayload([put(pool("10.20.0.0/16"))]))).toEqual([
    "protocol-error",
    "publish 99: a IPPool does not belong into channel identity",
  ]);
  expect(publish(Uint8Array.of(1, 2, 3))[1]).toMatch(/must inflate to at most/);
  world.advance(3_000);
  publisher.connect(publisher.term);
  world.raw(publisher.socket, Uint8Array.of(0xc1));
  expect(world.closedWith(publisher.socket)).toBe("protocol-error");
  expect(reader.ips()).toEqual([address(0)]);
});

test("[PRO5] a socket that says nothing is closed after ten seconds, others stay", () => {
  const { world, publisher, reader } = populatedWorld(1);
  const silent = world.connect(
    { role: "watch", clusterUid: "a".repeat(32), keyGeneration: 1 },
    () => undefined,
  );
  world.advance(9_000);
  expect(world.closedWith(silent)).toBe(null);
  world.advance(1_500);
  publisher.change(putOf(pod("later", "10.20.7.7")));
  expect(world.closedWith(silent)).toBe("hello-timeout");
  expect(world.closedWith(reader.socket)).toBe(null);
});

test("[PRO5] a socket that has said nothing when its object slept is closed all the same", () => {
  const { world, reader } = populatedWorld(1);
  const silent = world.connect(
    { role: "watch", clusterUid: "a".repeat(32), keyGeneration: 1 },
    () => undefined,
  );
  world.evict();
  world.nowMs += 10_000;
  expect(world.origin.silentCount).toBe(1);
  world.origin.closeSilent();
  expect(world.origin.silentCount).toBe(0);
  expect(world.closedWith(silent)).toBe("hello-timeout");
  expect(world.closedWith(reader.socket)).toBe(null);
});

test("[VIS4] a reader that claims a version that nobody has made is answered once the Mesh was asked, without end", () => {
  const { world } = populatedWorld(1);
  const pulls = world.pulls;
  const liar = new TestReader(world);
  liar.connect({ accessVersion: 1_000_000 });
  world.advance(1_000);
  expect(world.pulls - pulls).toBeLessThan(5);
  expect(liar.isInSync).toBe(true);
});

test("[PRO4] a reader that names the same partition again and again is refused before any work is done", () => {
  const { world, reader } = populatedWorld(50);
  const leaf = { bits: 0, prefix: 0, digest: new Uint8Array(16) };
  world.toOrigin(reader.socket, {
    type: "repair",
    origin: 0,
    channel: "identity",
    leaves: Array.from({ length: 4_000 }, () => leaf),
  });
  expect(world.closedWith(reader.socket)).toBe("protocol-error");
  expect(world.closeMessage(reader.socket)).toBe("leaves must be in order and must not overlap");
});
