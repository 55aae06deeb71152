import { expect, test } from "vitest";

import type { ClusterNote, EdgeReport, OriginFacts } from "../../../shared/visibility/facts.ts";
import type { OverlayPhase } from "../../../shared/visibility/overlay-order.ts";
import { OrderNotes } from "../../../worker/origin/access/order-notes.ts";
import type { OrderedRelay } from "../../../worker/origin/access/order-notes.ts";
import { BUDGETS } from "../../../worker/origin/budgets/limits.ts";
import { facts } from "../../support/origin-world.ts";

const REMOTE = { uid: "c".repeat(32), name: "c" };

function edge(step: number): EdgeReport {
  return {
    rcc: "c",
    origin: REMOTE,
    connectionStatus: 2,
    endpoints: 0,
    refused: 0,
    digest: null,
    revision: 0,
    overlay: { step, vteps: 0, routes: 0, withheld: 0 },
  };
}

function ordered(phase: OverlayPhase, step: number, isKnown = false): OriginFacts {
  const overlay = { phase, step, since: 1, ...(isKnown ? { acknowledged: true as const } : {}) };
  const remote = { rcc: "c", origin: REMOTE, state: "granted" } as const;
  return facts({ remotes: [{ ...remote, overlayRoutingMode: "Enabled", overlay }] });
}

class Rig {
  nowMs = 1_000_000;
  known: OriginFacts | null = null;
  relays: OrderedRelay[] = [];
  readonly told: ClusterNote[] = [];
  timerMs: number | null = null;
  readonly notes = new OrderNotes(
    {
      clock: { now: () => this.nowMs },
      mesh: {
        note: (note) => void this.told.push(note),
        pullFacts: () => {},
        claimRanges: () => {},
        tellHealth: () => {},
      },
    },
    { own: () => (delayMs) => (this.timerMs = delayMs) },
    { facts: () => this.known, relays: () => this.relays },
  );

  obeyed(): unknown {
    return this.told.at(-1)?.obeyed;
  }
}

test("[OVL7] the Mesh is told when every relay has obeyed, and again until it says that it has heard", () => {
  const rig = new Rig();
  rig.known = ordered("prepare", 3);
  rig.relays = [
    { software: "r1", edges: [edge(3)] },
    { software: "r2", edges: [edge(2)] },
  ];
  rig.notes.compare();
  expect(rig.told).toEqual([]);
  rig.relays[1] = { software: "r2", edges: [edge(3)] };
  rig.notes.compare();
  expect(rig.obeyed()).toEqual([{ origin: REMOTE.uid, step: 3, stragglers: [] }]);
  rig.notes.compare();
  expect(rig.told).toHaveLength(1);
  rig.nowMs += BUDGETS.noteMs;
  rig.notes.compare();
  expect(rig.told).toHaveLength(2);
  rig.known = ordered("prepare", 3, true);
  rig.nowMs += BUDGETS.noteMs;
  rig.notes.compare();
  expect(rig.told).toHaveLength(2);
});

test("[OVL7] when the time is over those that have not are named; without any relay only what goes, goes on", () => {
  const rig = new Rig();
  rig.known = ordered("prepare", 1);
  rig.relays = [
    { software: "r1", edges: [edge(1)] },
    { software: "r2", edges: [] },
  ];
  rig.notes.compare();
  expect(rig.timerMs).toBe(BUDGETS.orderMs);
  rig.nowMs += BUDGETS.orderMs;
  rig.notes.compare();
  expect(rig.obeyed()).toEqual([{ origin: REMOTE.uid, step: 1, stragglers: ["r2"] }]);

  for (const phase of ["prepare", "leave"] as const) {
    const alone = new Rig();
    alone.known = ordered(phase, 1);
    alone.notes.compare();
    alone.nowMs += BUDGETS.orderMs;
    alone.notes.compare();
    expect(alone.told.length).toBe(phase === "leave" ? 1 : 0);
  }
});
