/** [DIR23] Remotes that a cluster's relays read themselves count for its health. */
import { expect, test } from "vitest";

import { edgesForHub } from "../../../../relay/path-side.ts";
import type { EdgeReport } from "../../../../shared/visibility/facts.ts";
import { populatedWorld } from "../../../support/origin-peers.ts";

function edge(rcc: string, uid: string, connectionStatus: 0 | 2 | 5): EdgeReport {
  const origin = { uid, name: rcc };
  return { rcc, origin, connectionStatus, endpoints: 1, refused: 0, digest: null, revision: 1 };
}

test("[DIR23] one that is not followed makes the cluster degraded; an RCC that nobody knows does not", () => {
  const { world, publisher } = populatedWorld(1);
  const tell = (...edges: EdgeReport[]): void => {
    const text = JSON.stringify(edges);
    world.toOrigin(publisher.socket, { type: "report", edges: text, cluster: null });
    for (let second = 0; second < 40; second += 10) {
      world.heartbeats.set(publisher.socket, world.nowMs);
      world.advance(10_000);
    }
  };
  tell(edge("gone", "a-member", 0));
  expect(world.healths.at(-1)).toMatchObject({ state: "ok", notInSync: [] });
  for (const status of [0, 5] as const) {
    tell(edge("etcd", "direct:etcd", status));
    expect(world.healths.at(-1)).toMatchObject({
      state: "degraded",
      reasons: [{ code: "EdgeDown", rccs: ["etcd"] }],
      notInSync: ["etcd"],
    });
    tell(edge("etcd", "direct:etcd", 2));
    expect(world.healths.at(-1)).toMatchObject({ state: "ok", notInSync: [] });
  }
});

test("[DIR23] a relay tells the hub all its remotes, those of the mesh first, as many as are taken", () => {
  const direct = Array.from({ length: 1_000 }, (_, i) => edge(`d${i}`, `direct:d${i}`, 2));
  const told = edgesForHub([...direct, edge("db", "uid-of-db", 2)]);
  expect(told).toHaveLength(1_000);
  expect(told[0]?.rcc).toBe("db");
  expect(told[1]?.rcc).toBe("d0");
});
