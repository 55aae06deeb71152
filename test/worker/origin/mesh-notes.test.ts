/** What an Origin tells the Mesh of its cluster's pools and claims, and when. */
import { expect, test } from "vitest";

import type { ClusterReport, OriginFacts } from "../../../shared/visibility/facts.ts";
import { exportHash } from "../../../shared/visibility/export-report.ts";
import { noteOf } from "../../../worker/origin/access/mesh-notes.ts";
import { facts, ORIGIN_UID, OriginWorld } from "../../support/origin-world.ts";
import { populatedWorld, TestPublisher } from "../../support/origin-peers.ts";
import { clusterSummary } from "../../support/overlay.ts";
import { pool, putOf } from "../../support/records.ts";

function report(...pools: string[]): ClusterReport {
  const source = { state: "following", reason: "", sinceMs: 0 } as const;
  return { pools, poolCount: pools.length, withheldPools: [], source };
}

const none = (): boolean => false;
const noted = (own: OriginFacts, ...pools: string[]) => noteOf(own, report(...pools), none)?.pools;

test("[VIS32] pools are told that lie in the cluster's ranges, canonical and sorted, where the Mesh has others", () => {
  expect(noted(facts(), "10.20.64.0/18", "10.20.0.0/18")).toEqual([
    "10.20.0.0/18",
    "10.20.64.0/18",
  ]);
  expect(noted(facts(), "10.20.0.0/16", "10.30.0.0/16", "10.20.3.4/16", "junk")).toEqual([
    "10.20.0.0/16",
  ]);
  const shared = facts({ ranges: { pods: [], nodes: [], shared: ["10.30.0.0/16"] } });
  expect(noted(shared, "10.30.0.0/17")).toEqual(["10.30.0.0/17"]);
  expect(noteOf(facts({ pools: ["10.20.0.0/16"] }), report("10.20.0.0/16"), none)).toBe(null);
  expect(noted(facts({ pools: ["10.20.0.0/16"] }))).toEqual([]);
  // Nothing is known without a report, and nothing is taken back; nor by a relay that lists.
  const listing: ClusterReport = { ...report(), unlisted: true };
  expect(noteOf(facts({ pools: ["10.20.0.0/16"] }), listing, none)).toBe(null);
  expect(noteOf(facts({ pools: ["10.20.0.0/16"] }), null, none)).toBe(null);
  expect(noteOf(facts({ removed: true }), report("10.20.0.0/16"), none)).toBe(null);
});

test("[OVL1] pools that a cluster says for routes, and that are not its own, are left out: a default route, another's", () => {
  const said = {
    ...clusterSummary(20, "db"),
    pools: ["0.0.0.0/0", "10.20.0.0/16", "10.30.0.0/16", "::/0"].map(
      (cidr) => ({ cidr, mode: "vxlan" }) as const,
    ),
  };
  const note = (own: OriginFacts) => noteOf(own, null, none, 0, said)?.overlay;
  expect(note(facts())).toEqual({ ...said, pools: [{ cidr: "10.20.0.0/16", mode: "vxlan" }] });
  // Before its claims are decided none is its own: the Mesh hears when some are.
  expect(note(facts({ ranges: { pods: [], nodes: [] } }))).toBe(undefined);
});

test("[VIS34] a refused claim is dropped when no pool asks for it", () => {
  const claim = (cidr: string) => ({ cidr, use: "pods", reason: "overlaps" }) as const;
  const own = facts({ refusedClaims: [claim("10.30.0.0/16"), claim("10.31.0.0/16")] });
  expect(noteOf(own, null, (cidr) => cidr === "10.31.0.0/16")).toEqual({
    pools: null,
    dropped: [{ use: "pods", cidr: "10.30.0.0/16" }],
  });
});

test("[VIS32] [VIS34] the Mesh is told once after a report, and when a refused pool goes; a failed call is made again", () => {
  const { world, publisher } = populatedWorld(1);
  const say = (...pools: string[]): void =>
    world.toOrigin(publisher.socket, {
      type: "report",
      edges: "[]",
      cluster: JSON.stringify(report(...pools)),
    });
  say("10.20.0.0/16");
  world.advance(10_000);
  expect(world.notes).toEqual([{ pools: ["10.20.0.0/16"], dropped: [] }]);
  world.origin.onNoteFailed("away");
  world.advance(10_000);
  expect(world.notes).toHaveLength(2);
  world.push(facts({ accessVersion: 2, pools: ["10.20.0.0/16"] }));
  say("10.20.0.0/16");
  world.advance(10_000);
  expect(world.notes).toHaveLength(2);

  publisher.change(putOf(pool("10.30.0.0/16")));
  const refused = { cidr: "10.30.0.0/16", use: "pods", reason: "overlaps" } as const;
  world.push(facts({ accessVersion: 3, pools: ["10.20.0.0/16"], refusedClaims: [refused] }));
  world.advance(10_000);
  expect(world.notes).toHaveLength(2);
  publisher.change({
    op: "delete",
    key: "/calico/v1/ipam/v4/pool/10.30.0.0-16",
    cause: "observed",
  });
  world.advance(10_000);
  expect(world.notes.at(-1)).toEqual({
    pools: null,
    dropped: [{ use: "pods", cidr: "10.30.0.0/16" }],
  });
});

test("[VIS32] a cluster that changes its pools without end is noted every 5 s", () => {
  const { world, publisher } = populatedWorld(1);
  for (let n = 0; n < 100; n++) {
    const cluster = JSON.stringify(report(`10.20.${n}.0/24`));
    world.toOrigin(publisher.socket, { type: "report", edges: "[]", cluster });
    world.advance(200);
  }
  expect(world.notes.length).toBeLessThanOrEqual(5);
  world.advance(5_000);
  expect(world.notes.at(-1)?.pools).toEqual(["10.20.99.0/24"]);
});

test("[API5] a report that breaks a rule closes the relay's socket, and status stays whole", () => {
  for (const edges of [
    "[null]",
    "{}",
    '[{"rcc": 7}]',
    "[[]]",
    "null",
    "x",
    '[{"rcc":"../../evil"}]',
  ]) {
    const { world, publisher } = populatedWorld(1);
    world.toOrigin(publisher.socket, { type: "report", edges, cluster: null });
    expect([edges, world.closedWith(publisher.socket)]).toEqual([edges, "protocol-error"]);
    expect(world.origin.status().edges).toEqual([]);
  }
  const { world, publisher } = populatedWorld(1);
  const cluster = JSON.stringify({ ...report(), pools: [null] });
  world.toOrigin(publisher.socket, { type: "report", edges: "[]", cluster });
  expect(world.closedWith(publisher.socket)).toBe("protocol-error");
  expect(world.closeMessage(publisher.socket)).toContain("pools.0");
});

test("[CRE18] a relay that shows a newer credential than the facts know is a note, and the older key's sockets are closed when the Mesh has taken it", () => {
  const { world, publisher } = populatedWorld(1);
  const stolen = publisher.socket;
  world.connect({ role: "home", clusterUid: ORIGIN_UID, keyGeneration: 3 }, () => undefined);
  world.advance(5_000);
  expect(world.notes.at(-1)?.keyGeneration).toBe(3);
  expect(world.closedWith(stolen)).toBe(null);
  world.push(facts({ accessVersion: 2, keyGeneration: 3 }));
  expect(world.closedWith(stolen)).toBe("unauthenticated");
  const { length } = world.notes;
  world.connect({ role: "home", clusterUid: ORIGIN_UID, keyGeneration: 3 }, () => undefined);
  world.advance(60_000);
  expect(world.notes).toHaveLength(length);
});

test("[CRE18] a relay that comes while the Origin knows nothing yet keeps no later note from being sent", () => {
  const world = new OriginWorld(null);
  const publisher = new TestPublisher(world);
  publisher.connect();
  world.advance(1_000);
  world.facts = facts();
  world.advance(5_000);
  world.toOrigin(publisher.socket, {
    type: "report",
    edges: "[]",
    cluster: JSON.stringify(report("10.20.0.0/16")),
  });
  world.advance(10_000);
  expect(world.notes).toMatchObject([{ pools: ["10.20.0.0/16"] }]);
});

test("[EXP5] the owner's veto is noted when it is new, or no more there, and not again; without a report nothing is known", () => {
  const exports = { summary: "no consumers app", exclude: ["app"] };
  const said = { ...report(), exports };
  expect(noteOf(facts({}), said, none)).toMatchObject({ exports });
  const noted = facts({ exportHash: exportHash(exports) });
  expect(noteOf(noted, said, none)).toBeNull();
  expect(noteOf(noted, null, none)).toBeNull();
  expect(noteOf(noted, report(), none)).toMatchObject({ exports: null });
  expect(noteOf(facts({}), report(), none)).toBeNull();
});
