/**
 * A publisher that does as it likes: frames as large and as many as the test sends, and every
 * acknowledgement.
 */
import { encodePayload } from "../../shared/log/payload.ts";
import type { LogChange } from "../../shared/log/payload.ts";
import type { Accepted } from "../../shared/protocol/messages.ts";
import type { Channel } from "../../shared/record/channel.ts";
import { ORIGIN_UID } from "./origin-world.ts";
import type { TestPublisher } from "./origin-peers.ts";
import type { OriginWorld } from "./origin-world.ts";

const FAST = 1;

/** Takes the place of `publisher`, with its term. */
export function rawHome(world: OriginWorld, publisher: TestPublisher) {
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
  let sequence = 0;
  const publish = (changes: readonly LogChange[], channel: Channel = "identity"): void => {
    const payload = encodePayload(changes, FAST);
    world.toOrigin(socket, { type: "publish", channel, sequence: ++sequence, payload });
  };
  return { socket, accepted, sequences: () => accepted.map((each) => each.sequence), publish };
}
