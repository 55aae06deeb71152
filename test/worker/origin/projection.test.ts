/** The records that a reader with a scope is sent. */
import { describe, expect, test } from "vitest";

import { toHex } from "../../../shared/lib/bytes.ts";
import { keyOf } from "../../../shared/record/key.ts";
import { populatedWorld } from "../../support/origin-peers.ts";
import { address } from "../../support/records.ts";
import {
  DB,
  OTHER_UID,
  connected,
  db,
  gone,
  granted,
  nameOf,
  names,
  put,
  scope,
  scopedWorld,
  web,
} from "../../support/scoped-world.ts";

describe("what a reader with a scope is sent", () => {
  test("[SCP5] what its scope shows, proven by a digest of its own, and nothing else", () => {
    const { world, reader } = scopedWorld();
    expect(names(reader)).toEqual(["10.20.0.0/16", "a", "b"]);
    expect(
      [...(reader.views.get("identity")?.records() ?? [])].map(
        ({ record }) => "labels" in record && record.labels,
      ),
    ).toEqual([{ role: "db" }, { role: "db" }]);
    expect(reader.isInSync).toBe(true);
    const [status] = world.origin.status().scopes;
    expect(status).toMatchObject({ scope: DB, state: "ready", records: 3 });
    expect(status?.digest).toBe(
      toHex(reader.views.get("identity")?.trie.digest() ?? new Uint8Array()),
    );
  });

  test("[SCP5] a pod that enters the scope, changes in it, leaves it, and goes", () => {
    const { publisher, reader, world } = scopedWorld();
    const told = (): string[] =>
      reader.changes.splice(0).map(({ op, held }) => `${op} ${nameOf(held.record)}`);
    told();
    publisher.change(put(db("c", 3)));
    expect(told()).toEqual(["put c"]);
    publisher.change(put(db("c", 5)));
    expect(told()).toEqual(["put c"]);
    publisher.change(put(web("c", 5)));
    expect(told()).toEqual(["delete c"]);
    publisher.change(gone(db("a", 1)), put(web("e", 9)));
    expect(told()).toEqual(["delete a"]);
    world.advance(2_000);
    expect(reader.isInSync).toBe(true);
  });

  test("[SCP5] what changes in a label that is not shown costs its readers nothing", () => {
    const { publisher, reader } = scopedWorld();
    const before = reader.received.length;
    publisher.change(put(db("a", 1, { secret: "y" })));
    expect(reader.received.length).toBe(before);
  });

  test("[SCP5] equal scopes share one projection, others have theirs, and who has none sees all", () => {
    const { world } = scopedWorld();
    const other = { cluster: { uid: OTHER_UID, name: "web" }, keyGeneration: 1, rcc: "db" };
    world.push(granted(2, DB, [{ ...other, scope: DB }]));
    expect(world.origin.status().scopes).toHaveLength(1);
    expect(names(connected(world, OTHER_UID))).toEqual(["10.20.0.0/16", "a", "b"]);
    world.push(
      granted(3, DB, [
        { ...other, scope: scope({ kinds: ["WorkloadEndpoint"], selector: "role == 'web'" }) },
      ]),
    );
    expect(world.origin.status().scopes).toHaveLength(2);
    world.advance(1_000);
    expect(names(connected(world, OTHER_UID))).toEqual(["c", "d"]);
    world.push({ ...granted(4, DB), readers: [other] });
    expect(names(connected(world, OTHER_UID))).toEqual(["10.20.0.0/16", "a", "b", "c", "d"]);
  });

  test("[SCP5] [SCP18] a scope that changes counts as soon as it is committed: nothing of the old log is sent after it", () => {
    const { world, publisher } = populatedWorld(3);
    const reader = connected(world);
    world.push(granted(2, DB));
    expect(world.closedWith(reader.socket)).toBe("not-ready");
    const before = reader.received.length;
    publisher.change(put(web("secret", 77)));
    world.advance(15_000);
    expect(reader.received.length).toBe(before);
    publisher.change(put(db("a", 78)));
    reader.connect({ accessVersion: 2 });
    world.advance(2_000);
    // What it had beyond the scope goes: the publisher has reconciled, so what is not confirmed is
    // gone.
    expect(names(reader)).toEqual(["10.20.0.0/16", "a"]);
    expect(reader.isInSync).toBe(true);
  });

  test("[SCP5] a reader that was away resumes on its projection", () => {
    const { world, publisher, reader } = scopedWorld();
    world.disconnect(reader.socket);
    publisher.change(put(db("e", 5)), put(web("f", 6)));
    const [repairs, changes] = [reader.count("repair-needed"), reader.changes.length];
    reader.connect();
    world.advance(1_000);
    expect(reader.count("repair-needed")).toBe(repairs);
    expect(reader.changes.slice(changes).map(({ held }) => held.key)).toEqual([keyOf(db("e", 5))]);
    expect(reader.isInSync).toBe(true);
  });

  test("[VIE17] a reader that is moved to another log is told no older state of what it has", () => {
    const { world, publisher, reader } = scopedWorld(scope({ labels: ["role"] }));
    // So many frames that the origin's log is folded, with older states in its blobs.
    for (let n = 0; n < 1_400; n++) publisher.change(put(db("a", 1, { n: String(n) })));
    world.advance(5_000);
    publisher.change(put(db("a", 9)), put(db("b", 10)));
    world.push(granted(2, null));
    const before = reader.changes.length;
    reader.connect({ accessVersion: 2 });
    world.advance(2_000);
    expect(reader.count("blob")).toBeGreaterThan(0);
    expect(reader.isInSync).toBe(true);
    const told = reader.changes.slice(before).map(({ held }) => held.record);
    expect(
      told.flatMap((record) => ("ips" in record && record.name < "c" ? record.ips : [])),
    ).toEqual([address(9), address(10)]);
  });

  test("[SCP5] it outlives the instance, with sockets and without", () => {
    const { world, publisher, reader } = scopedWorld();
    world.evict();
    publisher.change(put(db("e", 5)), gone(db("b", 2)));
    world.advance(1_000);
    expect(names(reader)).toEqual(["10.20.0.0/16", "a", "e"]);
    expect(reader.isInSync).toBe(true);
    world.crash();
    publisher.connect();
    publisher.change(put(db("g", 7)));
    reader.connect();
    world.advance(1_000);
    expect(names(reader)).toEqual(["10.20.0.0/16", "a", "e", "g"]);
    expect(reader.isInSync).toBe(true);
  });
});
