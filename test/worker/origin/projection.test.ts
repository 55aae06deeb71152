import { describe, expect, test } from "vitest";

import { toHex } from "../../../shared/lib/bytes.ts";
import { keyOf } from "../../../shared/record/key.ts";
import type { CalicoRecord, WorkloadEndpoint } from "../../../shared/record/record.ts";
import type { OriginFacts } from "../../../shared/visibility/facts.ts";
import { parseScope } from "../../../shared/visibility/scope.ts";
import type { Scope } from "../../../shared/visibility/scope.ts";
import { populatedWorld, TestPublisher, TestReader } from "../../support/origin-peers.ts";
import { facts, OriginWorld, READER_UID } from "../../support/origin-world.ts";
import { address, node, pod, pool } from "../../support/records.ts";

const DB = scope({ selector: "role == 'db'", labels: ["role"] });
const OTHER_UID = "c".repeat(32);

function scope(value: unknown): Scope {
  const parsed = parseScope(value);
  if (!parsed.ok || parsed.scope === null) throw new Error(JSON.stringify(parsed));
  return parsed.scope;
}

/** The reader sees what a scope shows, or all. */
function granted(
  accessVersion: number,
  shown: Scope | null,
  others: OriginFacts["scopedReaders"] = [],
): OriginFacts {
  const reader = { cluster: { uid: READER_UID, name: "app" }, keyGeneration: 1, rcc: "db" };
  if (shown === null) return facts({ accessVersion, readers: [reader] });
  return facts({
    accessVersion,
    readers: [],
    scopedReaders: [{ ...reader, scope: shown }, ...others],
  });
}

const db = (name: string, n: number, labels = {}): WorkloadEndpoint =>
  pod(name, address(n), { role: "db", ...labels });
const web = (name: string, n: number): WorkloadEndpoint => pod(name, address(n), { role: "web" });
const put = (record: WorkloadEndpoint) => ({ op: "put", record }) as const;
const gone = (record: WorkloadEndpoint) =>
  ({ op: "delete", key: keyOf(record), cause: "observed" }) as const;

/** A hub with two pods of each kind, whose reader sees one kind. */
function scopedWorld(shown = DB) {
  const world = new OriginWorld(granted(1, shown));
  const publisher = new TestPublisher(world);
  publisher.change(
    { op: "put", record: pool("10.20.0.0/16") },
    ...[db("a", 1, { secret: "x" }), db("b", 2), web("c", 3), web("d", 4)].map(put),
  );
  publisher.listed();
  publisher.connect();
  const reader = connected(world);
  world.advance(2_000);
  return { world, publisher, reader };
}

function connected(world: OriginWorld, clusterUid = READER_UID): TestReader {
  const reader = new TestReader(world);
  reader.connect({ peer: { clusterUid } });
  world.advance(2_000);
  return reader;
}

const nameOf = (record: CalicoRecord): string =>
  "name" in record ? record.name : "cidr" in record ? record.cidr : record.kind;
const names = (reader: TestReader): string[] =>
  [...reader.views.values()]
    .flatMap((view) => [...view.records()].map(({ record }) => nameOf(record)))
    .toSorted();

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

/** A hub that held this many pods, every second one in the scope, before anybody was granted it. */
function grownWorld(count: number) {
  const world = new OriginWorld(granted(1, null));
  const publisher = new TestPublisher(world);
  publisher.change({ op: "put", record: pool("10.20.0.0/16") }, { op: "put", record: node("n") });
  publisher.listed();
  publisher.connect();
  const pods = Array.from({ length: count }, (_, n) =>
    n % 2 === 0 ? db(`p${n}`, n) : web(`p${n}`, n),
  );
  publisher.change(...pods.map(put));
  world.advance(10_000);
  return { world, publisher };
}

describe("how a projection comes to be", () => {
  test("[SCP6] in steps, while the origin goes on: nobody is in sync before it has all", () => {
    const { world, publisher } = grownWorld(5_000);
    const reader = connected(world);
    expect(reader.keys()).toHaveLength(5_000);
    world.push(granted(2, DB));
    reader.connect({ accessVersion: 2 });
    let steps = 0;
    while (world.origin.status().scopes[0]?.state === "building") {
      expect(reader.isInSync).toBe(false);
      // What it had is kept until it is known what it sees now.
      expect(reader.keys().length).toBeGreaterThanOrEqual(4_960);
      if (steps < 20)
        publisher.change(
          gone(db(`p${2 * steps}`, 2 * steps)),
          put(db(`n${steps}`, 6_000 + steps)),
          put(web(`p${2 * steps + 100}`, 2 * steps + 100)),
        );
      world.fire("project");
      world.settle();
      steps++;
    }
    expect(steps).toBeGreaterThan(10);
    world.advance(3_000);
    const changed = Math.min(steps, 20);
    const isLeft = (n: number): boolean => n >= changed && (n < 50 || n >= 50 + changed);
    const wanted = [
      ...Array.from({ length: 2_500 }, (_, n) => n)
        .filter(isLeft)
        .map((n) => `p${2 * n}`),
      ...Array.from({ length: changed }, (_, n) => `n${n}`),
    ].map((name) => keyOf(db(name, 0)));
    expect(reader.keys()).toEqual(wanted.toSorted());
    expect(reader.isInSync).toBe(true);
  });

  test("[SCP6] a hub that dies in the middle begins it again, wherever that was", () => {
    for (let dies = 0; dies < 6; dies++) {
      const { world, publisher } = grownWorld(1_500);
      world.push(granted(2, DB));
      for (let step = 0; step < dies; step++) world.fire("project");
      world.crash();
      publisher.connect();
      publisher.change(gone(db("p2", 2)), put(web("p4", 4)));
      const reader = connected(world);
      world.advance(2_000);
      expect(reader.keys()).toHaveLength(748);
      expect(reader.isInSync).toBe(true);
    }
  });

  test("[SCP7] one that no grant names is forgotten, row by row, and its place is used again", () => {
    const { world } = grownWorld(1_500);
    const rows = (): number =>
      Number(
        world.sql.run(
          "SELECT (SELECT count(*) FROM frames) + (SELECT count(*) FROM blobs) AS n",
        )[0]?.["n"],
      );
    const before = rows();
    world.push(granted(2, DB));
    world.advance(5_000);
    expect(rows()).toBeGreaterThan(before);
    world.push(granted(3, null));
    world.advance(5_000);
    expect(rows()).toBe(before);
    world.push(granted(4, scope({ kinds: ["IPPool"] })));
    world.advance(1_000);
    expect(names(connected(world))).toEqual(["10.20.0.0/16"]);
    expect(Number(world.sql.run("SELECT max(id) AS n FROM frames")[0]?.["n"])).toBeLessThan(
      2 ** 20 * 32,
    );
  });

  test("[SCP7] where the scopes of an origin show more than 250,000 records together, the one that shows most gives way", () => {
    const { world, publisher } = grownWorld(16_000);
    const readers = Array.from({ length: 16 }, (_, n) => ({
      cluster: { uid: String(n).padStart(32, "d"), name: `r${n}` },
      keyGeneration: 1,
      rcc: "db",
      // The first one shows less, the last one a little more: pools.
      scope: scope({
        labels: [`l${n}`],
        ...(n === 15 ? {} : { kinds: ["WorkloadEndpoint"] }),
        ...(n === 0 ? { selector: "role == 'db'" } : {}),
      }),
    }));
    const shown = facts({ accessVersion: 2, readers: [], scopedReaders: readers });
    world.push(shown);
    world.advance(30_000);
    const states = (): string[] => world.origin.status().scopes.map(({ state }) => state);
    expect(new Set(states())).toEqual(new Set(["ready"]));
    const [first, last] = [readers[0], readers[15]].map((reader) =>
      connected(world, reader?.cluster.uid),
    );
    const more = Array.from({ length: 700 }, (_, n) => put(web(`more${n}`, 20_000 + n)));
    publisher.change(...more);
    world.advance(1_000);
    expect(states().filter((state) => state === "overfull")).toHaveLength(1);
    expect(world.closedWith(last?.socket ?? "")).toBe("over-quota");
    expect(world.closeMessage(last?.socket ?? "")).toContain("more records than");
    expect(first?.isInSync).toBe(true);
    expect(connected(world, readers[1]?.cluster.uid).keys()).toHaveLength(16_700);
    // It is so until other scopes are named, also after a restart.
    world.crash();
    publisher.connect();
    expect(world.closedWith(connected(world, readers[15]?.cluster.uid).socket)).toBe("over-quota");
    world.push({ ...shown, accessVersion: 3, scopedReaders: readers.slice(12) });
    world.advance(5_000);
    expect(new Set(states())).toEqual(new Set(["ready"]));
    expect(connected(world, readers[15]?.cluster.uid).isInSync).toBe(true);
  });

  test("[SCP7] [SCP19] with each projection an event takes in less, so that it lasts no longer", () => {
    const largest = (scopes: number): number => {
      const scopedReaders = Array.from({ length: scopes }, (_, n) => ({
        cluster: { uid: String(n).padStart(32, "d"), name: `r${n}` },
        keyGeneration: 1,
        rcc: "db",
        scope: scope({ labels: [`l${n}`] }),
      }));
      const world = new OriginWorld(facts({ readers: [], scopedReaders }));
      const publisher = new TestPublisher(world);
      publisher.change({ op: "put", record: pool("10.20.0.0/16") });
      publisher.listed();
      publisher.connect();
      publisher.change(...Array.from({ length: 3_000 }, (_, n) => put(db(`p${n}`, n))));
      world.advance(20_000);
      const [status] = world.origin.status().channels;
      expect(status?.admitted).toBe(3_000);
      const rows = world.sql.run(
        "SELECT MAX(LENGTH(entries)) AS n FROM frames WHERE id < ?",
        2 ** 20,
      );
      return Number(rows[0]?.["n"]) / 24;
    };
    expect(largest(0)).toBe(400);
    expect(largest(1)).toBeLessThanOrEqual(400 / 1.9);
    expect(largest(16)).toBeLessThanOrEqual(400 / 15.4);
  });

  test("[SCP8] what a version that knows no scopes has committed is in it, for it is made anew", () => {
    const { world, publisher, reader } = scopedWorld();
    publisher.change(put(db("e", 5)));
    world.disconnect(reader.socket);
    // As such a version leaves it: the frame is there, the mark and the projection are as before.
    world.sql.run("UPDATE frames SET projected = projected - 1 WHERE id < ?", 2 ** 20);
    world.sql.run("DELETE FROM frames WHERE id >= ? AND revision = 2", 2 ** 24);
    const { epoch } = reader.views.get("identity")?.cursor ?? {};
    world.crash();
    publisher.connect();
    reader.connect();
    world.advance(2_000);
    expect(names(reader)).toEqual(["10.20.0.0/16", "a", "b", "e"]);
    expect(reader.isInSync).toBe(true);
    expect(reader.views.get("identity")?.cursor?.epoch).not.toBe(epoch);
  });
});
