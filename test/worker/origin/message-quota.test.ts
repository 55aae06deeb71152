/**
 * Who sends without end what carries nothing forward is refused; whoever does what a relay does is
 * not.
 */
import { expect, test } from "vitest";

import type { Message } from "../../../shared/protocol/messages.ts";
import { BUDGETS } from "../../../worker/origin/budgets/limits.ts";
import { MESSAGES_RULE } from "../../../worker/origin/budgets/message-quota.ts";
import { populatedWorld, TestReader } from "../../support/origin-peers.ts";
import { ORIGIN_UID } from "../../support/origin-world.ts";
import { rawHome } from "../../support/raw-home.ts";
import { address, pod, put, putOf } from "../../support/records.ts";

const acknowledgement: Message = {
  type: "reader-ack",
  origin: 0,
  channel: "identity",
  revision: 1,
  chain: new Uint8Array(16),
  receivedBytes: 10,
  mark: null,
};
const repair: Message = { type: "repair", origin: 0, channel: "identity", leaves: [] };

for (const [what, message] of [
  ["acknowledges nothing new", acknowledgement],
  ["wants repairs", repair],
] as const)
  test(`[LOG23] [LOG63] a reader that ${what}, again and again, is closed; others of its cluster wait, other clusters do not`, () => {
    const { world, reader, publisher } = populatedWorld();
    const own = new TestReader(world);
    own.connect({ peer: { clusterUid: ORIGIN_UID } });
    // Alone: beside others it would be its share of the thread that ends first. [LOG28]
    world.advance(2_000);
    let sent = 0;
    for (; world.closedWith(reader.socket) === null && sent <= BUDGETS.burstMessages + 10; sent++)
      world.toOrigin(reader.socket, message);
    expect(sent).toBeGreaterThan(BUDGETS.burstMessages - 100);
    expect(world.closedWith(reader.socket)).toBe("over-quota");
    expect(world.closeMessage(reader.socket)).toBe(MESSAGES_RULE);
    const again = new TestReader(world);
    again.connect();
    expect(world.closedWith(again.socket)).toBe("over-quota");
    publisher.change(putOf(pod("late", address(77))));
    world.advance(1_000);
    expect(own.ips()).toContain(address(77));
    expect(own.isInSync).toBe(true);
    again.connect();
    world.advance(100);
    expect(again.ips()).toContain(address(77));
    expect(again.isInSync).toBe(true);
  });

test("[LOG23] a publisher that reports without end is closed; the hub goes on with what it has", () => {
  const { world, publisher, reader } = populatedWorld();
  const { socket } = rawHome(world, publisher);
  for (let n = 0; n < BUDGETS.burstMessages + 10; n++)
    world.toOrigin(socket, { type: "report", edges: "[]", cluster: null });
  expect(world.closedWith(socket)).toBe("over-quota");
  expect(reader.ips()).toContain(address(0));
});

test("[LOG23] frames and their acknowledgements do not count, however many and however small", () => {
  const { world, publisher, reader } = populatedWorld();
  const { socket, accepted, publish } = rawHome(world, publisher);
  const count = BUDGETS.burstMessages + 3 * BUDGETS.messagesPerSecond;
  const before = reader.received.length;
  for (let n = 0; n < count; n++) {
    publish([put(pod(`p${n % 50}`, address(n % 50), { n: String(n) }))]);
    world.settle();
  }
  world.advance(5_000);
  expect(accepted).toHaveLength(count);
  expect(reader.received.length - before).toBeGreaterThan(count / 2);
  expect([world.closedWith(socket), world.closedWith(reader.socket)]).toEqual([null, null]);
});

test("[PRO10] a text that is no heartbeat closes the socket; heartbeats without end do so too", () => {
  const { world, reader, publisher } = populatedWorld();
  const { socket } = rawHome(world, publisher);
  world.origin.onText(socket, "ping");
  expect(world.closedWith(socket)).toBe(null);
  world.origin.onText(socket, "hello");
  expect(world.closedWith(socket)).toBe("protocol-error");
  for (let n = 0; n < BUDGETS.burstMessages + 10; n++) world.origin.onText(reader.socket, "ping");
  expect(world.closedWith(reader.socket)).toBe("over-quota");
});
