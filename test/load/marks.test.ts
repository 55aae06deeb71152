import { expect, test } from "vitest";

import { HashTrie } from "../../shared/log/hash-trie.ts";
import { encodeMessage } from "../../shared/protocol/codec.ts";
import { LIMITS } from "../../shared/protocol/limits.ts";
import { FELIX_CHANNELS } from "../../shared/record/channel.ts";
import { ReaderMemory } from "../../worker/origin/budgets/reader-memory.ts";
import { populatedWorld, TestReader } from "../support/origin-peers.ts";
import { heavyLabels } from "../support/noise.ts";
import { facts, ORIGIN_UID, READER_UID } from "../support/origin-world.ts";
import type { OriginWorld } from "../support/origin-world.ts";
import { address, pod, putOf } from "../support/records.ts";

const MiB = 1024 * 1024;

/**
 * Says with each message that it has taken everything, names what it likes as a mark, and takes
 * nothing.
 */
class Liar {
  readonly world: OriginWorld;
  readonly socket: string;
  /** What the hub has sent it, in vain. */
  bytes = 0;

  constructor(world: OriginWorld, clusterUid = READER_UID, versions = [3], creditBytes = 1) {
    this.world = world;
    const peer = { role: "watch", clusterUid, keyGeneration: 1 } as const;
    this.socket = world.connect(peer, (message) => {
      this.bytes += encodeMessage(message).length;
      if (message.type === "repair-needed")
        world.toOrigin(this.socket, {
          ...message,
          type: "repair",
          leaves: new HashTrie().leaves(),
        });
    });
    world.toOrigin(this.socket, {
      type: "watch-hello",
      versions,
      software: "liar",
      accessVersion: 0,
      creditBytes,
      channels: FELIX_CHANNELS,
      cursors: [],
    });
    world.settle();
  }

  lie(): void {
    for (const mark of [null, 0, 1, 2 ** 51])
      this.world.toOrigin(this.socket, {
        type: "reader-ack",
        origin: 0,
        channel: "identity",
        revision: 0,
        chain: new Uint8Array(16),
        receivedBytes: 2 ** 50,
        mark,
      });
    this.world.settle();
  }
}

/** 2 MB that do not compress. */
function fill({ world, publisher }: ReturnType<typeof populatedWorld>, round: number): void {
  for (let n = 0; n < 50; n++)
    publisher.change(putOf(pod(`x${n}`, address(n), heavyLabels(round * 100 + n))));
  world.advance(1_000);
}

test("[LOG25] a reader that acknowledges what it never took is sent no more than it may have in flight", () => {
  const populated = populatedWorld(1);
  const { world, reader } = populated;
  const liar = new Liar(world);
  for (let round = 0; round < 5; round++) {
    fill(populated, round);
    liar.lie();
  }
  expect(liar.bytes).toBeGreaterThan(MiB);
  expect(liar.bytes).toBeLessThan(2 * LIMITS.messageBytes);
  expect(world.room.bytesOf(READER_UID)).toBeGreaterThanOrEqual(liar.bytes - 64 * 1024);
  // Who reads has it all.
  expect(reader.isInSync).toBe(true);
});

test("[LOG25] the mark of another socket, or an older one, proves nothing more; the newest proves all before it", () => {
  const populated = populatedWorld(1);
  const { world } = populated;
  fill(populated, 0);
  const [one, other] = [new TestReader(world), new TestReader(world)];
  for (const reader of [one, other]) {
    reader.isPaused = true;
    reader.connect();
  }
  const held = (): number => world.room.bytesOf(READER_UID);
  const before = held();
  const [own, foreign] = [one.mark, other.mark];
  expect(own).not.toBeNull();
  expect(foreign).not.toBe(own);
  one.mark = foreign;
  one.acknowledge();
  expect(held()).toBe(before);
  one.mark = own;
  one.acknowledge();
  const proven = held();
  expect(proven).toBeLessThan(before);
  // Said again it releases nothing twice.
  one.mark = own;
  one.acknowledge();
  expect(held()).toBeGreaterThanOrEqual(proven);
});

test("[LOG25] what is little is proven where room is scarce: thousands of quiet readers leave room for the next", () => {
  const room = new ReaderMemory();
  const { world, publisher, reader: first } = populatedWorld(1);
  world.room = room;
  world.evict();
  const others = Array.from({ length: 20 }, () => new TestReader(world));
  for (const reader of others) reader.connect();
  publisher.change(putOf(pod("one", address(9), { some: "label" })));
  expect(room.bytesOf(READER_UID)).toBeGreaterThan(0);
  // Half of the member's room is used elsewhere.
  room.accountOf("elsewhere", READER_UID).sent(LIMITS.memberBytes / 2);
  for (const reader of [first, ...others]) reader.resume();
  expect(room.bytesOf(READER_UID)).toBe(LIMITS.memberBytes / 2);
});

test("[LOG27] a reader of version 2 that only says that it has taken everything is closed after 16 MiB, and counts until it has gone", () => {
  const populated = populatedWorld(1);
  const { world, reader } = populated;
  world.areDeaf = true;
  const liar = new Liar(world, READER_UID, [2]);
  for (let round = 0; round < 15; round++) {
    fill(populated, round);
    liar.lie();
  }
  expect(liar.bytes).toBeGreaterThan(8 * MiB);
  expect(liar.bytes).toBeLessThan(LIMITS.unprovenBytes + 2 * LIMITS.messageBytes);
  world.advance(6_000);
  expect(world.closedWith(liar.socket)).toBe("over-quota");
  expect(world.room.bytesOf(READER_UID)).toBeGreaterThan(liar.bytes - 64 * 1024);
  world.disconnect(liar.socket);
  expect(world.room.bytesOf(READER_UID)).toBeLessThan(64 * 1024);
  expect(reader.isInSync).toBe(true);
});

test("[LOG27] a relay of version 2 that reads is closed now and then, comes back, and has everything", () => {
  const populated = populatedWorld(1);
  const { world } = populated;
  const old = new TestReader(world);
  old.connect({ versions: [2] });
  let closed = 0;
  for (let round = 0; round < 15; round++) {
    fill(populated, round);
    world.advance(5_000);
    if (world.closedWith(old.socket) === null) continue;
    closed++;
    old.connect({ versions: [2] });
    world.advance(1_000);
  }
  expect(closed).toBeGreaterThan(0);
  expect(closed).toBeLessThan(3);
  expect(old.isInSync).toBe(true);
});

test("[LOG26] a member whose sockets at several Origins take nothing has 96 MiB; others have the rest of 256, and 1 MiB always", () => {
  const room = new ReaderMemory();
  const members = ["c", "d", "e"].map((letter) => letter.repeat(32));
  const readers = [READER_UID, ...members].map((uid) => ({
    cluster: { uid, name: uid },
    keyGeneration: 1,
    rcc: "db",
  }));
  const worlds = Array.from({ length: 3 }, () => {
    const populated = populatedWorld(1);
    populated.world.room = room;
    populated.world.push(facts({ accessVersion: 2, readers }));
    populated.world.evict();
    return populated;
  });
  for (const populated of worlds) fill(populated, 0);
  const slack = 16 * LIMITS.messageBytes;
  for (const member of members)
    for (let n = 0; n < 60; n++) {
      for (const { world } of worlds) new Liar(world, member, [3], LIMITS.inFlightBytes).lie();
      if (n % 20 === 0) for (const populated of worlds) fill(populated, 0);
    }
  for (const member of members) {
    expect(room.bytesOf(member)).toBeLessThan(LIMITS.memberBytes + slack);
    expect(room.bytesOf(member)).toBeGreaterThan(4 * MiB);
  }
  expect(room.bytes).toBeLessThan(LIMITS.processBytes + slack);
  for (const { reader } of worlds) expect(reader.isInSync).toBe(true);
  // Past the process's bound each member has something of its own.
  room.accountOf("elsewhere", ORIGIN_UID).sent(LIMITS.processBytes);
  expect(room.isFullFor(READER_UID)).toBe(false);
  expect(members.every((member) => room.isFullFor(member))).toBe(true);
});

test("[LOG65] an Origin that sleeps does not forget what is in flight", () => {
  const populated = populatedWorld(1);
  const { world } = populated;
  fill(populated, 0);
  const liar = new Liar(world);
  const [before, sent] = [world.room.bytesOf(READER_UID), liar.bytes];
  expect(sent).toBeGreaterThan(MiB);
  for (let n = 0; n < 5; n++) {
    world.evict();
    liar.lie();
  }
  expect(world.origin.inFlightBytes).toBeGreaterThanOrEqual(before);
  expect(liar.bytes).toBeLessThan(2 * LIMITS.messageBytes);
});
