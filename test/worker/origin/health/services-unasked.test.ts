/** [EVT1] What no grant asks for is nothing that a relay still has to tell. */
import { expect, test } from "vitest";

import { populatedWorld } from "../../../support/origin-peers.ts";

test("[EVT1] [SVC1] a relay that tells no Services, because no grant names them, is not degraded", () => {
  const { world, publisher } = populatedWorld(1);
  for (let second = 0; second < 90; second += 10) {
    world.heartbeats.set(publisher.socket, world.nowMs);
    world.advance(10_000);
  }
  expect(world.healths.at(-1)?.state).toBe("ok");
  expect(world.healths.map(({ state }) => state)).not.toContain("degraded");
});
