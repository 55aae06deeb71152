/** Projections: built, limited, forgotten. */
import { describe, expect, test } from "vitest";

import { keyOf } from "../../shared/record/key.ts";
import { TestPublisher } from "../support/origin-peers.ts";
import { OriginWorld, facts } from "../support/origin-world.ts";
import { pool, putOf } from "../support/records.ts";
import {
  DB,
  connected,
  db,
  gone,
  granted,
  grownWorld,
  names,
  put,
  scope,
  scopedWorld,
  web,
} from "../support/scoped-world.ts";

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
      publisher.change(putOf(pool("10.20.0.0/16")));
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
