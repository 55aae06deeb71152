/**
 * A hostile publisher on the hub's own wire: a whole Origin with its storage, a reader behind it.
 */
import { expect, test } from "vitest";

import { encodePayload } from "../../shared/log/payload.ts";
import type { LogChange } from "../../shared/log/payload.ts";
import { channelOf, CHANNELS } from "../../shared/record/channel.ts";
import type { Channel } from "../../shared/record/channel.ts";
import { decodeRecord, hashKey } from "../../shared/record/encoding.ts";
import { keyOf } from "../../shared/record/key.ts";
import { TestPublisher, TestReader } from "../support/origin-peers.ts";
import { rounds } from "../support/rounds.ts";
import { facts, OriginWorld } from "../support/origin-world.ts";
import { HOSTILE_RANGES, throughMesh } from "./mesh-path.ts";
import { Random } from "./random.ts";
import { mutatedBytes, randomBytes } from "./values.ts";

const FRAMES = rounds(20, 80);
const PER_FRAME = 100;

function connected(): { world: OriginWorld; publisher: TestPublisher; reader: TestReader } {
  const world = new OriginWorld(facts({ ranges: HOSTILE_RANGES }));
  const publisher = new TestPublisher(world);
  publisher.connect();
  const reader = new TestReader(world);
  reader.connect();
  return { world, publisher, reader };
}

function held(reader: TestReader): string[] {
  return [...reader.views.values()]
    .flatMap((view) => [...view.records()].map(({ key }) => key))
    .toSorted();
}

test(`[ORA2] ${FRAMES * PER_FRAME} hostile records through a whole Origin: its reader has what is admitted and nothing else, and nothing throws`, () => {
  const random = new Random(31);
  const { world, publisher, reader } = connected();
  const sequences = new Map<Channel, number>();
  /** The channel in which a key is admitted. */
  const expected = new Map<string, Channel | "refused">();
  for (let i = 0; i < FRAMES; i++) {
    const channel = random.pick(CHANNELS);
    const changes: LogChange[] = [];
    while (changes.length < PER_FRAME) {
      const bytes = randomBytes(random);
      const decoded = decodeRecord(bytes);
      // A malformed one refuses its whole frame, and is tried alone below.
      if (!decoded.ok || channelOf(decoded.record.kind) !== channel) continue;
      const key = keyOf(decoded.record);
      if (random.chance(0.1)) {
        changes.push({ op: "delete", keyHash: hashKey(key), cause: "observed" });
        expected.delete(key);
        continue;
      }
      changes.push({ op: "put", bytes });
      expected.set(key, throughMesh(bytes).at === "quarantine" ? "refused" : channel);
    }
    const sequence = (sequences.get(channel) ?? 0) + 1;
    sequences.set(channel, sequence);
    world.toOrigin(publisher.socket, {
      type: "publish",
      channel,
      sequence,
      payload: encodePayload(changes),
    });
    world.settle();
  }
  expect(world.closedWith(publisher.socket)).toBe(null);
  expect(world.failures).toEqual([]);
  const admitted = (channel: string): string[] =>
    [...expected].filter(([, one]) => one === channel).map(([key]) => key);
  expect(held(reader)).toEqual([...admitted("identity"), ...admitted("pools")].toSorted());
  // The reader was given no routes and no Services: these are counted at the Origin.
  for (const { channel, admitted: count } of world.origin.status().channels) {
    expect(count, channel).toBe(admitted(channel).length);
    expect(count, channel).toBeGreaterThan(2);
  }
});

test("[ORA2] a malformed record closes its publisher, and changes nothing for readers", () => {
  const random = new Random(32);
  for (let i = 0; i < 100; i++) {
    const { world, publisher, reader } = connected();
    const bytes = randomBytes(random);
    if (decodeRecord(bytes).ok) continue;
    world.toOrigin(publisher.socket, {
      type: "publish",
      channel: "identity",
      sequence: 1,
      payload: encodePayload([{ op: "put", bytes }]),
    });
    world.settle();
    expect(world.closedWith(publisher.socket)).not.toBe(null);
    expect(world.failures).toEqual([]);
    expect(held(reader)).toEqual([]);
  }
});

test("[ORA2] broken frames and messages close their socket, and nothing throws", () => {
  const random = new Random(33);
  for (let i = 0; i < 300; i++) {
    const { world, publisher, reader } = connected();
    const payload = encodePayload([{ op: "put", bytes: randomBytes(random) }]);
    if (random.chance(0.5)) world.raw(publisher.socket, mutatedBytes(random, payload));
    else
      world.toOrigin(publisher.socket, {
        type: "publish",
        channel: random.pick(CHANNELS),
        sequence: 1,
        payload: mutatedBytes(random, payload),
      });
    world.settle();
    expect(world.failures).toEqual([]);
    for (const key of held(reader)) expect(key).toMatch(/^\/calico\//);
  }
});
