/** [PRO11] What a hub says of how far it is, and when. */
import { expect, test } from "vitest";

import type { Message } from "../../../shared/protocol/messages.ts";
import { PROTOCOL_VERSIONS } from "../../../shared/protocol/version.ts";
import { FELIX_CHANNELS } from "../../../shared/record/channel.ts";
import { populatedWorld } from "../../support/origin-peers.ts";
import type { TestReader } from "../../support/origin-peers.ts";
import { facts, ORIGIN_UID } from "../../support/origin-world.ts";
import type { Peer } from "../../../worker/origin/peer.ts";
import { address, pod, putOf } from "../../support/records.ts";

function ask(reader: TestReader, token: number): Message | undefined {
  reader.world.toOrigin(reader.socket, { type: "ask-heads", token });
  reader.world.settle();
  return reader.received.findLast(({ type }) => type === "heads");
}

test("[PRO11] a reader is told where its logs are: where its views are once all has come", () => {
  const { publisher, reader } = populatedWorld(3);
  const before = ask(reader, 1);
  publisher.change(putOf(pod("late", address(77))));
  const after = ask(reader, 2);
  expect(after).toEqual({
    type: "heads",
    token: 2,
    heads: FELIX_CHANNELS.map((channel) => {
      const cursor = reader.views.get(channel)?.cursor;
      return { channel, epoch: cursor?.epoch, revision: cursor?.revision };
    }),
  });
  expect(before).not.toEqual(after);
});

test("[PRO11] after an eviction, before the Mesh has answered, nothing is said of a log; the question is answered", () => {
  const { world, reader } = populatedWorld(3);
  world.facts = null;
  world.evict();
  expect(ask(reader, 5)).toEqual({ type: "heads", token: 5, heads: [] });
});

test("[PRO11] on a home socket, of a relay that stands by too, the answer comes behind all facts that were known", () => {
  const { world } = populatedWorld(3);
  const order: string[] = [];
  const peer: Peer = { role: "home", clusterUid: ORIGIN_UID, keyGeneration: 1 };
  const socket = world.connect(peer, ({ type }) => order.push(type));
  world.toOrigin(socket, { type: "ask-heads", token: 8 });
  expect(world.closedWith(socket)).toBe(null);
  const hello = { versions: PROTOCOL_VERSIONS, software: "test", accessVersion: 0, leaseUid: "" };
  world.toOrigin(socket, { type: "home-hello", ...hello, term: 0, candidate: "another" });
  world.push(facts({ accessVersion: 2, readers: [] }));
  world.toOrigin(socket, { type: "ask-heads", token: 9 });
  // Its turn comes, beside the messages of others. [LOG28]
  world.advance(1_000);
  expect(order).toEqual(["home-welcome", "access", "access", "heads"]);
});

test("[PRO11] a hub that is asked without an end counts it as any message", () => {
  const { world, reader } = populatedWorld(3);
  for (let token = 0; token < 6_000; token++)
    world.toOrigin(reader.socket, { type: "ask-heads", token });
  expect(world.closedWith(reader.socket)).toBe("over-quota");
});
