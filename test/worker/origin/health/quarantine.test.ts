import { expect, test } from "vitest";

import { facts } from "../../../support/origin-world.ts";
import { populatedWorld } from "../../../support/origin-peers.ts";
import { pod, pool, putOf } from "../../../support/records.ts";

test("[EVT14] a record that is refused makes its cluster degraded after 30 s, until nothing is refused any more", () => {
  const { world, publisher } = populatedWorld(1);
  const wait = (seconds: number): void => {
    for (let second = 0; second < seconds; second += 5) {
      world.heartbeats.set(publisher.socket, world.nowMs);
      world.advance(5_000);
    }
  };
  const states = (): string[] => world.healths.map(({ state }) => state);
  wait(10);
  publisher.change(putOf(pod("odd", "10.99.0.1")));
  wait(25);
  expect(states()).not.toContain("degraded");
  wait(15);
  expect(world.healths.at(-1)).toMatchObject({
    state: "degraded",
    quarantined: 1,
    reasons: [{ code: "Quarantined" }],
  });
  // Its range and its pool come later: the record is judged again, and admitted.
  world.push(
    facts({ accessVersion: 9, ranges: { pods: ["10.20.0.0/16", "10.99.0.0/16"], nodes: [] } }),
  );
  publisher.change(putOf(pool("10.99.0.0/16")));
  wait(15);
  expect(world.healths.at(-1)).toMatchObject({ state: "ok", quarantined: 0, reasons: [] });
});
