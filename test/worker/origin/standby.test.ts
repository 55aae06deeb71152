/** [VIS30] The relays of one cluster: one publishes, the others stand by. */
import { expect, test } from "vitest";

import { encodeMessage } from "../../../shared/protocol/codec.ts";
import { FELIX_CHANNELS } from "../../../shared/record/channel.ts";
import { LIMITS } from "../../../shared/protocol/limits.ts";
import { PROTOCOL_VERSIONS } from "../../../shared/protocol/version.ts";
import type { EdgeReport } from "../../../shared/visibility/facts.ts";
import { mergedEdges } from "../../../shared/visibility/merged-edges.ts";
import { populatedWorld, TestPublisher } from "../../support/origin-peers.ts";
import { facts, ORIGIN_UID, OriginWorld, READER_UID } from "../../support/origin-world.ts";
import { address, pod, putOf } from "../../support/records.ts";

const HELLO = {
  type: "home-hello",
  versions: PROTOCOL_VERSIONS,
  software: "test",
  accessVersion: 0,
  leaseUid: "",
  term: 0,
} as const;

/** A relay of the same cluster, whose source says the same. */
function another(world: OriginWorld, publisher: TestPublisher, term = 0): TestPublisher {
  const relay = new TestPublisher(world);
  for (const { record } of publisher.local.records()) relay.local.applyChange(putOf(record));
  relay.listed();
  relay.connect(term, 1, true);
  return relay;
}

test("[VIS30] a relay that finds a publisher stands by, and hears what may be seen as it changes", () => {
  const { world, publisher } = populatedWorld(3);
  const standby = another(world, publisher);
  expect(standby.isStandby).toBe(true);
  expect(world.closedWith(publisher.socket)).toBe(null);
  expect(standby.sent).toEqual([]);
  world.push(facts({ accessVersion: 2, readers: [] }));
  expect(standby.access).toHaveLength(2);
  expect(standby.access.at(-1)).toContain('"accessVersion":2');
  world.evict();
  world.push(facts({ accessVersion: 3 }));
  expect(standby.access).toHaveLength(3);
});

test("[VIS30] [VIS44] when the publisher's socket closes, who has stood by for longest publishes at once, and nothing is lost or sent twice", () => {
  const { world, publisher, reader } = populatedWorld(3);
  const [first, second] = [another(world, publisher), another(world, publisher)];
  // What the publisher's source had already, and it did not get out.
  for (const relay of [first, second]) relay.publisher.onSource([putOf(pod("late", address(77)))]);
  world.disconnect(publisher.socket);
  world.advance(1_000);
  expect([first.isStandby, second.isStandby]).toEqual([false, true]);
  expect(first.term).toBeGreaterThan(publisher.term);
  expect(first.sent.filter(({ type }) => type === "publish")).toHaveLength(1);
  expect(reader.ips()).toContain(address(77));
  expect(reader.isInSync).toBe(true);
  // The one that was there comes back to a newer term.
  publisher.connect(publisher.term, 1, true);
  expect(publisher.isStandby).toBe(true);
  expect(world.closedWith(first.socket)).toBe(null);
});

test("[VIS30] [VIS46] a publisher that comes back before anybody took over goes on with its term", () => {
  const { world, publisher } = populatedWorld(1);
  const { term } = publisher;
  world.disconnect(publisher.socket);
  publisher.connect(term, 1, true);
  expect([publisher.isStandby, publisher.term]).toEqual([false, term]);
  // Its old socket may still seem open: it is the same relay.
  const half = publisher.socket;
  publisher.connect(term, 1, true);
  expect(publisher.isStandby).toBe(false);
  expect(world.closedWith(half)).toBe("superseded");
});

test("[VIS30] a publisher of whom nothing is heard for 20 s is replaced when a standby asks", () => {
  const { world, publisher } = populatedWorld(1);
  const standby = another(world, publisher);
  const ask = (): void => {
    world.toOrigin(standby.socket, {
      type: "home-hello",
      versions: [2],
      software: "test",
      accessVersion: 0,
      leaseUid: "",
      term: 0,
      candidate: standby.candidate,
    });
    world.settle();
  };
  world.advance(60_000);
  world.heartbeats.set(publisher.socket, world.nowMs - 19_000);
  ask();
  expect(standby.isStandby).toBe(true);
  world.advance(1_000);
  ask();
  expect(standby.isStandby).toBe(false);
  expect(world.closedWith(publisher.socket)).toBe("superseded");
});

test("[VIS46] there is a most that read for one cluster; who comes then is told, and the others stay", () => {
  const { world, reader } = populatedWorld(1);
  const peer = { role: "watch", clusterUid: READER_UID, keyGeneration: 1 } as const;
  const { versions, software, accessVersion } = HELLO;
  const hello = encodeMessage({
    type: "watch-hello",
    versions,
    software,
    accessVersion,
    creditBytes: LIMITS.defaultCreditBytes,
    channels: FELIX_CHANNELS,
    cursors: [],
  });
  const read = (n: number): string => {
    const socket = world.connect(peer, () => undefined);
    world.origin.onMessage(socket, hello);
    // Within their cluster's share of the hub.
    if (n % 200 === 0) world.advance(60_000);
    return socket;
  };
  const others = Array.from({ length: LIMITS.relaysOfCluster - 1 }, (_, n) => read(n));
  world.advance(60_000);
  const tooMany = read(1);
  expect(world.closedWith(tooMany)).toBe("over-quota");
  expect(world.closeMessage(tooMany)).toMatch(/^5000 relays of this cluster read this one already/);
  expect(others.filter((socket) => world.closedWith(socket) !== null)).toEqual([]);
  expect(reader.isInSync).toBe(true);
  world.disconnect(reader.socket);
  expect(world.closedWith(read(1))).toBe(null);
});

test("[VIS30] two relays that hold one term, because the hub was put back, do not fight", () => {
  const { world, publisher } = populatedWorld(1);
  const { term } = publisher;
  world.crash();
  publisher.connect(term, 1, true);
  const rival = another(world, publisher, term);
  expect([publisher.isStandby, rival.isStandby]).toEqual([false, true]);
  expect(world.closedWith(publisher.socket)).toBe(null);
});

test("[VIS30] [VIS46] there is a most that stand by; who comes then is told, and the publisher is not disturbed", () => {
  const { world, publisher } = populatedWorld(1);
  const peer = { role: "home", clusterUid: ORIGIN_UID, keyGeneration: 1 } as const;
  const standBy = (n: number): string => {
    const socket = world.connect(peer, () => undefined);
    world.origin.onMessage(socket, encodeMessage({ ...HELLO, candidate: `relay-${n}` }));
    return socket;
  };
  for (let n = 1; n < LIMITS.relaysOfCluster; n++) standBy(n);
  const tooMany = standBy(LIMITS.relaysOfCluster);
  expect(world.closedWith(tooMany)).toBe("over-quota");
  expect(world.closeMessage(tooMany)).toMatch(/^5000 relays of this cluster are connected already/);
  expect(world.closedWith(publisher.socket)).toBe(null);
});

test("[VIS30] a standby that sends changes is not listened to", () => {
  const { world, publisher, reader } = populatedWorld(1);
  const standby = another(world, publisher);
  const payload = new Uint8Array([0x90]);
  world.toOrigin(standby.socket, { type: "publish", channel: "identity", sequence: 1, payload });
  world.toOrigin(standby.socket, { type: "reconciled", channel: "identity" });
  world.settle();
  expect(reader.keys()).toHaveLength(1);
  expect(world.origin.status().publisher).toBe("connected");
});

test("[VIS30] [VIS45] status has of each edge the relay that lags most, also after the object slept", () => {
  const { world, publisher } = populatedWorld(1);
  const standby = another(world, publisher);
  const report = (relay: TestPublisher, edges: readonly EdgeReport[]): void =>
    world.toOrigin(relay.socket, { type: "report", edges: JSON.stringify(edges), cluster: null });
  report(publisher, [edge("db", 2, 9), edge("web", 2, 4)]);
  report(standby, [edge("db", 2, 8), edge("web", 3, 7)]);
  const wanted = [edge("db", 2, 8), edge("web", 3, 7)];
  expect(world.origin.status().edges).toEqual(wanted);
  world.evict();
  expect(world.origin.status().edges).toEqual(wanted);
  world.disconnect(standby.socket);
  expect(world.origin.status().edges).toEqual([edge("db", 2, 9), edge("web", 2, 4)]);
});

test("[VIS30] of edges the one that is not in sync counts, then the lower position", () => {
  expect(mergedEdges([[edge("db", 3, 9)], [edge("db", 2, 1)]])).toEqual([edge("db", 3, 9)]);
  expect(mergedEdges([[edge("db", 2, 9)], [edge("db", 2, 1)]])).toEqual([edge("db", 2, 1)]);
  expect(mergedEdges([])).toEqual([]);
  const full = { ...edge("db", 2, 9), refused: 3, overLimit: "600000 records" };
  expect(mergedEdges([[full], [edge("db", 2, 1)]])).toEqual([
    { ...edge("db", 2, 1), refused: 3, overLimit: "600000 records" },
  ]);
});

function edge(
  rcc: string,
  connectionStatus: EdgeReport["connectionStatus"],
  revision: number,
): EdgeReport {
  const origin = { uid: "u".repeat(32), name: rcc };
  return { rcc, origin, connectionStatus, endpoints: 1, refused: 0, digest: null, revision };
}

test("[CRE25] who displaces a publisher that was heard a moment ago is told to both, also after the object slept", () => {
  const { world, publisher } = populatedWorld(1);
  const taker = new TestPublisher(world);
  taker.connect();
  expect(world.closedWith(publisher.socket)).toBe("superseded");
  expect(world.closeMessage(publisher.socket)).toBe(
    `test publishes for this cluster since ${new Date(world.nowMs).toISOString().slice(0, 19)}Z`,
  );
  const told = { by: "test", from: "test", atMs: world.nowMs };
  expect(world.origin.status().takenOver).toEqual(told);
  world.evict();
  expect(world.origin.status().takenOver).toEqual(told);
  world.disconnect(taker.socket);
  expect(world.origin.status().takenOver).toBe(null);
});

test("[CRE25] a relay that comes back in its own place, or after silence, has taken nothing over", () => {
  const { world, publisher } = populatedWorld(1);
  publisher.connect(publisher.term, 1, true);
  world.disconnect(publisher.socket);
  publisher.connect(publisher.term, 1, true);
  publisher.connect(publisher.term, 1, true);
  expect(world.origin.status().takenOver).toBe(null);
  world.advance(20_000);
  new TestPublisher(world).connect();
  expect(world.origin.status().takenOver).toBe(null);
});
