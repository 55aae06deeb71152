import { expect, test } from "vitest";

import { encodePayload } from "../../../shared/log/payload.ts";
import { hashKey } from "../../../shared/record/encoding.ts";
import { keyOf } from "../../../shared/record/key.ts";
import { populatedWorld, TestReader } from "../../support/origin-peers.ts";
import { facts, ORIGIN_UID, OriginWorld } from "../../support/origin-world.ts";
import { address, pod, put, putOf } from "../../support/records.ts";

/** Found by the simulation, seeds 49 and 30. */
test("[VIS4] a push, which may have been long on its way, is no answer of the Mesh: an Origin that starts still sends nothing", () => {
  const { world } = populatedWorld();
  world.crash();
  world.facts = null;
  const reader = new TestReader(world);
  reader.connect();
  world.origin.onFacts(facts());
  world.settle();
  expect(reader.received).toEqual([]);
  world.facts = facts({ accessVersion: 2, readers: [] });
  world.advance(5_000);
  expect(world.closedWith(reader.socket)).toBe("access-denied");
  expect(reader.received).toEqual([]);
});

test("[VIS4] a reader that asks for its repair while an Origin starts is answered when the Mesh has answered", () => {
  const { world, publisher } = populatedWorld();
  const reader = new TestReader(world);
  reader.connect();
  world.advance(1_000);
  world.evict();
  world.facts = null;
  world.evict();
  const before = reader.received.length;
  const [view] = reader.views.values();
  const leaves = view?.trie.leaves() ?? [];
  world.toOrigin(reader.socket, { type: "repair", origin: 0, channel: "identity", leaves });
  world.settle();
  expect(reader.received.length).toBe(before);
  world.facts = facts();
  world.advance(5_000);
  publisher.change(putOf(pod("later", address(9))));
  world.advance(1_000);
  expect(reader.isInSync).toBe(true);
  expect(reader.ips()).toContain(address(9));
});

/** Found by the simulation, seed 1779. */
test("[LOG7] [VIS4] a digest that is due while the Mesh is asked is told when it has answered", () => {
  const { world, publisher, reader } = populatedWorld();
  // A rush: the digest of its last change is announced when there are no more.
  for (let n = 0; n < 40; n++)
    publisher.change(putOf(pod("one", address(8), { change: String(n) })));
  world.facts = null;
  new TestReader(world).connect({ accessVersion: 2 });
  world.advance(1_000);
  expect(reader.isInSync).toBe(false);
  // It knows nothing newer.
  world.facts = facts();
  world.advance(5_000);
  expect(reader.isInSync).toBe(true);
});

test("[VIS3] an Origin that knows more than the Mesh answers keeps it, and serves by it", () => {
  const { world } = populatedWorld();
  world.push(facts({ accessVersion: 5 }));
  world.crash();
  world.facts = facts({ accessVersion: 4, readers: [] });
  const reader = new TestReader(world);
  reader.connect();
  world.advance(1_000);
  expect(world.closedWith(reader.socket)).toBe(null);
  expect(reader.ips()).toHaveLength(3);
});

/** Found by the simulation, seed 300. */
test("[VIS7] a fold that was due when its cluster was removed brings nothing back", () => {
  const { world, publisher } = populatedWorld();
  const pods = Array.from({ length: 2_100 }, (_, n) => put(pod(`many${n}`, address(n))));
  const gone = Array.from({ length: 10 }, (_, n) => {
    const keyHash = hashKey(keyOf(pod(`many${n}`, address(n))));
    return { op: "delete", keyHash, cause: "observed" } as const;
  });
  const parts = Array.from({ length: 6 }, (_, n) => pods.slice(n * 400, (n + 1) * 400));
  for (const [sequence, changes] of [...parts, gone].entries()) {
    world.nowMs += 20;
    const payload = encodePayload(changes);
    world.toOrigin(publisher.socket, { type: "publish", channel: "identity", sequence, payload });
  }
  expect([...world.timers.keys()]).toContain("fold");
  world.push(facts({ accessVersion: 9, removed: true, readers: [] }));
  world.advance(1_000);
  expect(world.failures).toEqual([]);
  expect(world.sql.run("SELECT COUNT(*) AS n FROM blobs")).toEqual([{ n: 0 }]);
});

test("[CRE16] an Origin that the Mesh does not know closes its sockets, and asks again when somebody comes, not by a timer", () => {
  const world = new OriginWorld(null);
  world.isUnknown = true;
  const reader = new TestReader(world);
  reader.connect();
  expect(world.closedWith(reader.socket)).toBe("not-ready");
  const { pulls } = world;
  world.advance(600_000);
  expect([world.pulls, world.timers.size]).toEqual([pulls, 0]);
  // Known after all: who comes back is served.
  world.isUnknown = false;
  world.facts = facts();
  reader.connect();
  expect(world.closedWith(reader.socket)).toBe(null);
  expect(world.pulls).toBeGreaterThan(pulls);
});

test("[CRE16] a relay of a removed cluster, or with a key that was replaced, is closed as it comes, before it says anything", () => {
  const world = new OriginWorld(facts({ keyGeneration: 2 }));
  const open = (keyGeneration: number): string => {
    const socket = world.connect(
      { role: "home", clusterUid: ORIGIN_UID, keyGeneration },
      () => undefined,
    );
    world.settle();
    return socket;
  };
  open(2);
  expect(world.closedWith(open(2))).toBe(null);
  expect(world.closedWith(open(1))).toBe("unauthenticated");
  world.push(facts({ keyGeneration: 2, accessVersion: 2, removed: true }));
  expect(world.closedWith(open(2))).toBe("removed");
});

/**
 * Found by the simulation, seed 768: a relay with a scope, and newer facts that concern itself
 * only, dialled for ever.
 */
test("[SCP4] [BAK4] an Origin that has asked its Mesh is as new as the question, unless the Mesh was restored", () => {
  const welcomed = (world: OriginWorld, accessVersion: number): unknown => {
    const reader = new TestReader(world);
    reader.connect({ accessVersion });
    world.advance(5_000);
    return reader.received.find((message) => message.type === "watch-welcome");
  };
  const { world } = populatedWorld();
  expect(welcomed(world, 7)).toMatchObject({ accessVersion: 7 });
  // Under the number that this Origin knows already.
  world.facts = facts({ unconfirmedRestore: 1_000 });
  expect(welcomed(world, 8)).toMatchObject({ accessVersion: facts().accessVersion });
  world.facts = facts({ accessVersion: 9 });
  expect(welcomed(world, 9)).toMatchObject({ accessVersion: 9 });
});
