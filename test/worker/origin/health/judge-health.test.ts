import { expect, test } from "vitest";

import { judgeHealth, NOTHING_REMEMBERED } from "../../../../worker/origin/health/judge-health.ts";
import type { HealthMemory, Sighting } from "../../../../worker/origin/health/judge-health.ts";
import type { ClusterHealth } from "../../../../shared/visibility/health.ts";

const WELL: Sighting = {
  name: "db",
  publisherSignMs: 0,
  leftMs: 0,
  standbySignMs: null,
  isReconciled: true,
  source: { state: "following", reason: "", sinceMs: 0 },
  edges: [],
  quarantined: 0,
  held: 0,
  takenOver: null,
};

/** Looks once a second; a sign of life comes with each look where a publisher is connected. */
class Watched {
  #memory: HealthMemory = NOTHING_REMEMBERED;
  nowMs = 0;
  /** What was told, when it changed. */
  readonly told: string[] = [];

  run(seconds: number, seen: Partial<Sighting>): ClusterHealth | null {
    let health: ClusterHealth | null = null;
    for (let second = 0; second < seconds; second++) {
      this.nowMs += 1_000;
      const sighting = { ...WELL, publisherSignMs: this.nowMs, ...seen };
      const judged = judgeHealth(this.#memory, sighting, this.nowMs);
      this.#memory = judged.memory;
      ({ health } = judged);
      if (health !== null && this.told.at(-1) !== health.state) this.told.push(health.state);
    }
    return health;
  }

  away(seconds: number): ClusterHealth | null {
    return this.run(seconds, { publisherSignMs: null, leftMs: this.nowMs });
  }
}

test("[EVT1] a cluster is lost when no relay of it was heard for 20 s, and not before", () => {
  const db = new Watched();
  db.run(5, {});
  db.away(19);
  expect(db.told).toEqual(["ok"]);
  expect(db.away(0)).toBeNull();
  db.run(1, { publisherSignMs: null, leftMs: db.nowMs - 20_000 });
  expect(db.told).toEqual(["ok", "lost"]);
});

test("[EVT1] a relay that came and went between two looks was heard: the 20 s begin anew", () => {
  const db = new Watched();
  db.run(5, {});
  db.away(15);
  const cameAndWentMs = db.nowMs;
  db.run(19, { publisherSignMs: null, leftMs: cameAndWentMs });
  expect(db.told).toEqual(["ok"]);
  db.run(1, { publisherSignMs: null, leftMs: cameAndWentMs });
  expect(db.told).toEqual(["ok", "lost"]);
  // By a clock that has gone back it has not begun yet: then the moment that it was seen counts.
  const back = new Watched();
  back.run(5, {});
  back.run(20, { publisherSignMs: null, leftMs: 3_600_000 });
  expect(back.told).toEqual(["ok"]);
  back.run(1, { publisherSignMs: null, leftMs: 3_600_000 });
  expect(back.told).toEqual(["ok", "lost"]);
});

test("[EVT1] it is over when a relay publishes and has told all, two seconds later", () => {
  const db = new Watched();
  db.away(25);
  db.run(10, { isReconciled: false });
  expect(db.told).toEqual(["lost"]);
  db.run(3, {});
  expect(db.told.at(-1)).toBe("ok");
});

test("[EVT12] an instance that an alarm has woken takes what it sees for what has lasted", () => {
  const away = { ...WELL, publisherSignMs: null, leftMs: 100_000 };
  const fresh = judgeHealth(NOTHING_REMEMBERED, away, 100_000);
  expect(fresh).toMatchObject({ health: null, nextMs: 120_000 });
  const woken = judgeHealth(NOTHING_REMEMBERED, away, 120_000, true);
  expect(woken.health?.state).toBe("lost");
});

test("[EVT2] restarts are no loss: of the relay, of the hub, where another relay takes over", () => {
  const db = new Watched();
  db.run(5, {});
  for (let i = 0; i < 10; i++) {
    db.away(15);
    db.run(30, {});
  }
  expect(db.told).toEqual(["ok"]);
  // The hub begins anew: what it does not know yet it does not tell.
  const restarted = new Watched();
  restarted.run(15, { publisherSignMs: null, leftMs: 0 });
  restarted.run(5, { isReconciled: false });
  expect(restarted.told).toEqual([]);
  restarted.run(2, {});
  expect(restarted.told).toEqual(["ok"]);
  // The publisher is silent and a standby is heard: it takes over within 38 s.
  const silentMs = restarted.nowMs;
  for (let second = 0; second < 38; second++)
    restarted.run(1, { publisherSignMs: silentMs, standbySignMs: restarted.nowMs });
  restarted.run(5, {});
  expect(restarted.told).toEqual(["ok"]);
});

test("[EVT2] a cluster that comes and goes is told less and less often", () => {
  const db = new Watched();
  db.run(5, {});
  for (let i = 0; i < 12; i++) {
    db.away(25);
    db.run(25, {});
  }
  // Ten minutes, twelve losses.
  expect(db.told.filter((state) => state === "lost").length).toBeLessThanOrEqual(6);
  db.run(90, {});
  expect(db.told.at(-1)).toBe("ok");
});

test("[EVT1] degraded: heard, and for 30 s not following its cluster, or not equal to what it watches", () => {
  const late = { edges: [{ rcc: "web", connectionStatus: 3 }] } as const;
  const failing = { source: { state: "failing", reason: "", sinceMs: 0 } } as const;
  for (const [seen, code] of [
    [late, "EdgeLagging"],
    [failing, "SourceFailing"],
    [{ edges: [{ rcc: "web", connectionStatus: 1 }] } as const, "EdgeDown"],
  ] as const) {
    const db = new Watched();
    db.run(1, {});
    db.run(29, seen);
    expect(db.told).toEqual(["ok"]);
    const health = db.run(2, seen);
    expect(health?.state).toBe("degraded");
    expect(health?.reasons[0]?.code).toBe(code);
    db.run(5, {});
    expect(db.told).toEqual(["ok", "degraded", "ok"]);
  }
});

test("[EVT14] degraded: for 30 s there were records in quarantine; no longer than that", () => {
  const db = new Watched();
  db.run(1, {});
  db.run(20, { quarantined: 1 });
  db.run(5, {});
  db.run(29, { quarantined: 2 });
  expect(db.told).toEqual(["ok"]);
  const health = db.run(2, { quarantined: 2 });
  expect(health).toMatchObject({
    state: "degraded",
    quarantined: 2,
    reasons: [
      { code: "Quarantined", message: expect.stringContaining("2 records of db"), rccs: [] },
    ],
  });
  // Lost meanwhile, and back: the quarantine is what it was.
  db.run(25, { quarantined: 2, publisherSignMs: null, leftMs: db.nowMs });
  expect(db.run(5, { quarantined: 2 })?.reasons.map(({ code }) => code)).toEqual(["Quarantined"]);
  expect(db.told).toEqual(["ok", "degraded", "lost", "degraded"]);
  db.run(5, {});
  expect(db.told.at(-1)).toBe("ok");
});

test("[EVT15] degraded: for 30 s the newest change of an edge was late, and not once none has come for 20 s", () => {
  const db = new Watched();
  const late = (): ClusterHealth | null => {
    const lag = { atMs: db.nowMs, ms: 15_000 };
    return db.run(1, { edges: [{ rcc: "web", connectionStatus: 2, lag }] });
  };
  db.run(1, {});
  for (let second = 0; second < 29; second++) late();
  expect(db.told).toEqual(["ok"]);
  for (let second = 0; second < 3; second++) late();
  const lag = { atMs: db.nowMs, ms: 15_000 };
  const edges = [{ rcc: "web", connectionStatus: 2, lag }] as const;
  expect(db.run(19, { edges })).toMatchObject({
    state: "degraded",
    reasons: [{ code: "EdgeLate", message: expect.stringContaining("15 s"), rccs: ["web"] }],
    notInSync: [],
  });
  db.run(4, { edges });
  expect(db.told).toEqual(["ok", "degraded", "ok"]);
  // Nothing else happens: it is looked at again when it is over.
  const seen = {
    ...WELL,
    publisherSignMs: db.nowMs,
    edges: [{ ...edges[0], lag: { ...lag, atMs: db.nowMs } }],
  };
  const judged = judgeHealth({ ...NOTHING_REMEMBERED, hasJudged: true }, seen, db.nowMs);
  expect(judged.nextMs).toBe(db.nowMs + 20_000);
});

test("[EVT14] a hub that begins anew tells neither that a trouble is over nor that it is well, until it knows", () => {
  for (const seen of [
    { quarantined: 1 },
    { edges: [{ rcc: "web", connectionStatus: 3 }] },
  ] satisfies Partial<Sighting>[]) {
    const lasting = new Watched();
    lasting.run(29, seen);
    expect(lasting.told).toEqual([]);
    lasting.run(2, seen);
    expect(lasting.told).toEqual(["degraded"]);
    const passing = new Watched();
    passing.run(10, seen);
    expect(passing.told).toEqual([]);
    passing.run(1, {});
    expect(passing.told).toEqual(["ok"]);
  }
});

test("[CRE25] the Mesh is told how the publisher came to publish", () => {
  const watched = new Watched();
  const takenOver = { by: "b", from: "a", atMs: 5 };
  expect(watched.run(1, { takenOver })).toMatchObject({ state: "ok", takenOver });
  expect(watched.run(1, {})).not.toHaveProperty("takenOver");
});
