/** [LOG22] A frame of thousands of changes: taken in by parts, acknowledged when all of it is. */
import { expect, test } from "vitest";

import { encodePayload } from "../../../shared/log/payload.ts";
import type { LogChange } from "../../../shared/log/payload.ts";
import type { Message } from "../../../shared/protocol/messages.ts";
import { ORIGIN_UID, populatedWorld } from "../../support/origin-world.ts";
import { address, pod, put } from "../../support/records.ts";

type Accepted = Extract<Message, { type: "accepted" }>;

/** A publisher that sends frames as large as the protocol lets it. */
function rawPublisher() {
  const rig = populatedWorld(1);
  const { world, publisher } = rig;
  const accepted: Accepted[] = [];
  const peer = { role: "home", clusterUid: ORIGIN_UID, keyGeneration: 1 } as const;
  const socket = world.connect(peer, (message) => {
    if (message.type === "accepted") accepted.push(message);
  });
  world.toOrigin(socket, {
    type: "home-hello",
    versions: [1],
    software: "test",
    accessVersion: 0,
    leaseUid: "",
    term: publisher.term,
    candidate: null,
  });
  world.settle();
  rig.reader.received.length = 0;
  let sequence = 0;
  const publish = (changes: readonly LogChange[]): void => {
    const payload = encodePayload(changes, 1);
    world.toOrigin(socket, { type: "publish", channel: "identity", sequence: ++sequence, payload });
  };
  return { ...rig, accepted, publish };
}

const pods = (count: number, ip = address) =>
  Array.from({ length: count }, (_, n) => put(pod(`large-${n}`, ip(n % 200))));

test("[LOG22] other events have their turn between the parts, and what follows it comes after it", () => {
  const { world, reader, accepted, publish } = rawPublisher();
  publish([...pods(1_200), put(pod("web-0", address(7)))]);
  publish([put(pod("web-0", address(8)))]);
  expect(accepted).toEqual([]);
  world.advance(1_000);
  expect(accepted.map(({ sequence }) => sequence)).toEqual([1, 2]);
  expect(reader.views.get("identity")?.trie.size).toBe(1_201 + 1);
  expect(reader.ips()).toContain(address(8));
});

test("[LOG22] what is refused is told once, in the acknowledgement of the whole", () => {
  const { world, accepted, publish } = rawPublisher();
  publish([...pods(900), ...pods(700, (n) => `172.16.0.${n}`)]);
  world.advance(1_000);
  expect(accepted.map(({ refused }) => refused)).toEqual([700]);
});

test("[LOG22] a hub that ends in the middle of one has acknowledged nothing of it, and what was committed stays", () => {
  const { world, accepted, publish } = rawPublisher();
  publish(pods(1_600));
  world.crash();
  expect(accepted).toEqual([]);
  expect(world.failures).toEqual([]);
  const [count] = world.origin.status().channels.map(({ admitted }) => admitted);
  expect(count).toBeGreaterThanOrEqual(500);
});
