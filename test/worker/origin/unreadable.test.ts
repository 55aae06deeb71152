/** Stored bytes that this program cannot read: of a program to come, or damaged. */
import { expect, test } from "vitest";

import { SqliteLogStore } from "../../../worker/origin/log/sqlite-log-store.ts";
import { OriginWorld, READER_UID } from "../../support/origin-world.ts";
import { populatedWorld, TestReader } from "../../support/origin-peers.ts";

const NOTES = [
  "{",
  "[]",
  '{"creditBytes":"much","positions":[]}',
  '{"reconciled":["nothing"],"edges":[null]}',
];

test("[LOG67] a socket whose note cannot be read is closed, and connects again", () => {
  const world = new OriginWorld();
  world.settle();
  for (const role of ["home", "watch"] as const)
    for (const note of NOTES) {
      const peer = { role, clusterUid: READER_UID, keyGeneration: 1 };
      const socket = world.connect(peer, () => undefined);
      world.origin.onRestore(socket, peer, note);
      expect(world.closedWith(socket), `${role} ${note}`).toBe("not-ready");
    }
  expect(world.failures).toEqual([]);
});

test("[LOG67] facts that cannot be read are asked for, and readers are served by the answer", () => {
  const { world } = populatedWorld();
  for (const facts of ["{", "{}", '"removed"']) {
    world.sql.run("UPDATE state SET value = ? WHERE name = 'facts'", facts);
    expect(new SqliteLogStore(world.sql).facts()).toBeNull();
    const { pulls } = world;
    world.crash();
    const reader = new TestReader(world);
    reader.connect();
    expect(world.pulls).toBeGreaterThan(pulls);
    expect(reader.received.map(({ type }) => type)).toContain("checkpoint");
  }
});
