/** Reports that are large: read in steps, and bounded in what is kept of them. */
import { expect, test } from "vitest";

import type { Message } from "../../../shared/protocol/messages.ts";
import { BUDGETS } from "../../../worker/origin/budgets/limits.ts";
import type { Peer } from "../../../worker/origin/peer.ts";
import { PROTOCOL_VERSIONS } from "../../../shared/protocol/version.ts";
import { populatedWorld } from "../../support/origin-peers.ts";
import { ORIGIN_UID } from "../../support/origin-world.ts";
import type { OriginWorld } from "../../support/origin-world.ts";

const HOME: Peer = { role: "home", clusterUid: ORIGIN_UID, keyGeneration: 1 };

function edge(n: number, revision = 1) {
  const name = `remote-${n}`.padEnd(40, "x");
  const origin = { uid: `${n}`.padEnd(32, "0"), name };
  const seen = { connectionStatus: 2, endpoints: 1, refused: 0, digest: null, revision };
  return { rcc: name, origin, ...seen };
}

function report(edges: number, revision = 1): Message {
  const all = Array.from({ length: edges }, (_, n) => edge(n, revision));
  return { type: "report", edges: JSON.stringify(all), cluster: null };
}

/** A relay that stands by. */
function standby(world: OriginWorld, candidate: string): string {
  const socket = world.connect(HOME, () => undefined);
  const hello = {
    versions: PROTOCOL_VERSIONS,
    software: candidate,
    accessVersion: 0,
    leaseUid: "",
  };
  world.toOrigin(socket, { type: "home-hello", ...hello, term: 0, candidate });
  world.settle();
  return socket;
}

/** Nobody else was heard for a while: no member's share is asked for. [LOG28] */
function aloneWorld(): ReturnType<typeof populatedWorld> {
  const made = populatedWorld(3);
  made.world.advance(2_000);
  return made;
}

const reported = (world: OriginWorld): number => world.origin.status().edges.length;

test("[LOG74] a report of 1,000 edges is read in steps of 50, and others have their turns in between", () => {
  const { world, publisher } = aloneWorld();
  let steps = 0;
  world.around = (event, work) => {
    if (event === "timer report") steps++;
    work();
  };
  world.toOrigin(publisher.socket, report(1_000));
  expect(reported(world)).toBe(0);
  for (let n = 0; n < 10; n++) world.fire("report");
  // In the middle of it.
  expect([steps, reported(world)]).toEqual([10, 0]);
  world.settle();
  expect([steps, reported(world)]).toEqual([20, 1_000]);
});

test("[LOG74] a small report is read at once, but not before a larger one of its socket that came first", () => {
  const { world, publisher } = aloneWorld();
  world.toOrigin(publisher.socket, report(10));
  expect(reported(world)).toBe(10);
  world.toOrigin(publisher.socket, report(500));
  world.toOrigin(publisher.socket, report(20));
  expect(reported(world)).toBe(10);
  world.settle();
  expect(reported(world)).toBe(20);
});

test("[LOG74] where more than four wait the first is read at once, and what waits of a socket goes with it", () => {
  const { world } = aloneWorld();
  const sockets = Array.from({ length: 6 }, (_, n) => standby(world, `relay-${n}`));
  for (const [n, socket] of sockets.entries()) {
    world.toOrigin(socket, report(500, 100 - n));
    expect(reported(world)).toBe(n < BUDGETS.waitingReports ? 0 : 500);
  }
  // The lowest of the first two, which are read; the last one's never is.
  expect(world.origin.status().edges[0]?.revision).toBe(99);
  world.disconnect(sockets[5] ?? "");
  world.settle();
  expect(world.origin.status().edges[0]?.revision).toBe(96);
});

test("[LOG74] an edge that is wrong, far in a large report, closes its socket with the rule", () => {
  const { world, publisher } = aloneWorld();
  const all = Array.from({ length: 700 }, (_, n) => (n === 600 ? { rcc: "x" } : edge(n)));
  world.toOrigin(publisher.socket, { type: "report", edges: JSON.stringify(all), cluster: null });
  world.settle();
  expect(world.closedWith(publisher.socket)).toBe("protocol-error");
  expect(world.closeMessage(publisher.socket)).toContain("report edges: 600.");
});

test("[LOG75] of all relays of a cluster 100,000 edges are kept, and room comes with who goes", () => {
  const { world } = aloneWorld();
  const count = BUDGETS.reportedEdges / 1_000;
  const sockets = Array.from({ length: count + 1 }, (_, n) => standby(world, `relay-${n}`));
  for (const socket of sockets) {
    world.toOrigin(socket, report(1_000, 7));
    world.settle();
  }
  const held = (): number => world.origin.status().edgeRelays[0]?.count ?? 0;
  expect(held()).toBe(count);
  const [first = "", last = ""] = [sockets[0], sockets.at(-1)];
  world.disconnect(first);
  world.toOrigin(last, report(1_000, 7));
  world.settle();
  expect(held()).toBe(count);
});
