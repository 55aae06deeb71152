/** What a reader would be shown instead, counted over an origin's logs. */
import { expect, test } from "vitest";

import { compareShown, whichHeld } from "../../../worker/origin/scopes/shown-difference.ts";
import type { Shown } from "../../../worker/ports.ts";
import type { OriginWorld } from "../../support/origin-world.ts";
import { address, pod } from "../../support/records.ts";
import { db, gone, grownWorld, put, scope, scopedWorld, web } from "../../support/scoped-world.ts";

function ended<T>(steps: Generator<void, T>, between: (step: number) => void = () => {}): T {
  for (let step = 0; ; step++) {
    const next = steps.next();
    if (next.done === true) return next.value;
    between(step);
  }
}

const difference = (world: OriginWorld, before: Shown, after: Shown, shared: string[] = []) =>
  ended(world.origin.read((logs) => compareShown(logs, before, after, shared)));

const NONE = { endpoints: 0, namespaces: 0, records: 0 };

test("[API50] what appears, disappears and changes is counted, by scope and by label", () => {
  const { world } = scopedWorld();
  const isDb = scope({ selector: "role == 'db'" });
  expect(difference(world, "nothing", "all")).toEqual({
    appear: { endpoints: 4, namespaces: 1, records: 5 },
    disappear: NONE,
    change: NONE,
    sharedAddresses: [],
  });
  expect(difference(world, "all", isDb)).toMatchObject({
    appear: NONE,
    disappear: { endpoints: 2, namespaces: 1, records: 2 },
    change: NONE,
  });
  expect(difference(world, isDb, scope({ selector: "role == 'web'" }))).toMatchObject({
    appear: { endpoints: 2 },
    disappear: { endpoints: 2 },
  });
  // Of two that are shown before and after, both lose the labels of their namespace.
  expect(
    difference(world, isDb, scope({ selector: "role == 'db'", labels: ["role"] })),
  ).toMatchObject({ appear: NONE, disappear: NONE, change: { endpoints: 2 } });
  expect(difference(world, isDb, isDb)).toMatchObject({ appear: NONE, change: NONE });
});

test("[API50] each record counts once, in frames or in blobs, and as it is now", () => {
  const { world, publisher } = grownWorld(5_000);
  // What has changed or gone since is in frames and in blobs.
  publisher.change(gone(db("p0", 0)), put(web("p2", 2)), put(db("p1", 1)));
  world.advance(2_000);
  expect(difference(world, "nothing", scope({ selector: "role == 'db'" }))).toMatchObject({
    appear: { endpoints: 2_499 },
  });
  expect(difference(world, "nothing", "all").appear.endpoints).toBe(4_999);
});

test("[API51] in steps: the log goes on between two of them, and the answer is of then or of now", () => {
  const { world, publisher } = grownWorld(3_000);
  const steps = world.origin.read((logs) => compareShown(logs, "nothing", "all", []));
  let count = 0;
  const { appear } = ended(steps, (step) => {
    count++;
    publisher.change(put(pod(`p${step}`, address(step), { role: "new" })));
    publisher.change(put(db(`n${step}`, 5_000 + step)));
    world.advance(50);
  });
  expect(count).toBeGreaterThan(5);
  expect(appear.endpoints).toBeGreaterThanOrEqual(3_000);
  expect(appear.endpoints).toBeLessThanOrEqual(3_000 + count);
  expect(world.failures).toEqual([]);
});

test("[API52] addresses in shared ranges are told, and those who are shown that have them", () => {
  const { world } = scopedWorld();
  const isDb = scope({ selector: "role == 'db'" });
  const shared = [`${address(1)}/32`, `${address(3)}/32`];
  expect(difference(world, "nothing", isDb, shared).sharedAddresses).toEqual([address(1)]);
  expect(difference(world, "all", isDb, shared).sharedAddresses).toEqual([]);
  const held = (shown: Shown) =>
    ended(
      world.origin.read((logs) => whichHeld(logs, [address(1), address(3), "10.0.0.1"], shown)),
    );
  expect(held("all")).toEqual([address(1), address(3)].toSorted());
  expect(held(isDb)).toEqual([address(1)]);
  expect(held("nothing")).toEqual([]);
});
