import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect, onTestFinished, test } from "vitest";

import { readTellerState, writeTellerState } from "../../../relay/webhooks/state-file.ts";
import {
  begun,
  newTellerState,
  noteRemotes,
  settled,
  takeOver,
  withoutStale,
} from "../../../relay/webhooks/teller-state.ts";
import type { Judgement, TellerState } from "../../../relay/webhooks/teller-state.ts";
import type { Sent } from "../../../shared/webhooks/retry.ts";
import { WELL } from "../../../shared/webhooks/health-events.ts";

const ALL = { name: "all", events: [] };
const LOSSES = { name: "losses", events: ["sync.lost"] };
const HOOKS = [ALL, LOSSES];
const NEW = newTellerState("0123456789ab");
const T = Date.UTC(2026, 10, 30);
const OK: Judgement = { rcc: "db", health: WELL, isInSync: true };
const LOST: Judgement = {
  rcc: "db",
  health: {
    ...WELL,
    state: "lost",
    reasons: [{ code: "RemoteLost", message: "db is away", rccs: ["db"] }],
  },
  isInSync: false,
};
const UNKNOWN: Judgement = { rcc: "db", health: null, isInSync: null };

function note(state: TellerState, judged: Judgement[], nowMs = T): TellerState {
  return noteRemotes(state, "app", judged, HOOKS, nowMs);
}

const typesOf = (state: TellerState): string[] => Object.values(state.events).map((e) => e.type);

test("[DIR20] a loss is an event of the remote with its edge, and a condition of the cluster", () => {
  const state = note(NEW, [LOST]);
  expect(state.events["sync/direct:db"]).toEqual({
    type: "sync.lost",
    subject: "sync/direct:db",
    number: T,
    atMs: T,
    sinceMs: T,
    isFiring: true,
    cluster: { uid: "direct:db", name: "db" },
    summary: "db is away",
    data: {
      state: "lost",
      reasons: [{ code: "RemoteLost", message: "db is away", rccs: ["db"] }],
      edges: [{ cluster: "app", rcc: "db", origin: "db" }],
      edgeCount: 1,
    },
  });
  expect(state.events["rcc/direct:app"]).toMatchObject({
    type: "rcc.condition_changed",
    number: T + 1,
    data: { condition: "InSync", changed: [{ rcc: "db", status: "False" }] },
  });
  expect(Object.keys(state.due)).toEqual([
    "all sync/direct:db",
    "losses sync/direct:db",
    "all rcc/direct:app",
  ]);
});

test("[DIR20] the same again, and what is not known yet, are no events", () => {
  const lost = note(NEW, [LOST]);
  expect(note(lost, [LOST], T + 1_000)).toBe(lost);
  expect(note(lost, [UNKNOWN], T + 1_000)).toBe(lost);
  const well = note(NEW, [OK]);
  expect(typesOf(well)).toEqual([]);
  expect(note(well, [OK])).toBe(well);
});

test("[DIR20] an RCC that is taken away ends its trouble", () => {
  const state = note(note(NEW, [LOST]), [], T + 5);
  expect(state.events["sync/direct:db"]).toMatchObject({
    type: "sync.recovered",
    isFiring: false,
    summary: "db is no remote of app any more",
  });
  expect(state).toMatchObject({ health: {}, notInSync: [] });
});

test("[DIR20] quarantined and held records are told when they become more, and when none is left", () => {
  const of = (quarantined: number, held: number): Judgement => ({
    ...OK,
    health: { ...WELL, quarantined, held },
  });
  let state = note(NEW, [of(2, 50)]);
  expect(typesOf(state)).toEqual(["origin.quarantined", "withdrawal.held"]);
  const before = state.events;
  state = note(state, [of(1, 50)], T + 10);
  expect(state.events).toEqual(before);
  state = note(state, [of(0, 0)], T + 20);
  expect(Object.values(state.events).map((e) => e.isFiring)).toEqual([false, false]);
});

test("[DIR21] a newer event of a subject takes the place of one that was not delivered", () => {
  let state = note(NEW, [LOST]);
  state = note(state, [OK], T + 1_000);
  expect(state.due["all sync/direct:db"]).toMatchObject({ event: T + 1_000, attempts: 0 });
  // Who wants losses only is told nothing of one that is over.
  expect(state.due["losses sync/direct:db"]).toBeUndefined();
});

const answered = (status: number): Sent => ({ kind: "answered", status, retryAfterMs: null });

test("[DIR21] a row is moved on before its request, and gone or due again after it", () => {
  const id = "losses sync/direct:db";
  const state = begun(note(NEW, [LOST]), id, T);
  const row = state.due[id]!;
  expect(row).toEqual({ event: T, attempts: 1, dueMs: T + 30_000 });
  const done = settled(state, id, row, answered(204), T + 1);
  expect(done.state.due[id]).toBeUndefined();
  const failed = settled(state, id, row, answered(503), T + 1);
  expect(failed.state.due[id]).toEqual({ event: T, attempts: 1, dueMs: T + 5_001 });
  expect(failed.state.failingSinceMs).toEqual({ losses: T + 1 });
  const gone = settled(state, id, row, answered(410), T + 1);
  expect(gone.after.kind).toBe("disable");
  expect(Object.keys(gone.state.due)).toEqual(["all sync/direct:db", "all rcc/direct:app"]);
  // One that came meanwhile is due, whatever became of the older one.
  const newer = note(state, [{ ...LOST, health: { ...LOST.health!, state: "degraded" } }], T + 9);
  const all = begun(newer, "all sync/direct:db", T + 9);
  const late = settled(all, "all sync/direct:db", row, answered(204), T + 10);
  expect(late.state.due["all sync/direct:db"]).toMatchObject({ event: T + 9 });
});

test("[DIR21] who takes over tells all that is wrong, and what was over within a day", () => {
  const told = { ...note(note(NEW, [LOST]), [OK], T + 1_000), due: {} };
  expect(Object.keys(takeOver(told, HOOKS, T + 2_000).due)).toEqual([
    "all sync/direct:db",
    "all rcc/direct:app",
  ]);
  expect(takeOver(told, HOOKS, T + 90_000_000).due).toEqual({});
  const lost = { ...note(NEW, [LOST]), due: {} };
  expect(Object.keys(takeOver(lost, HOOKS, T + 90_000_000).due)).toHaveLength(3);
});

test("[DIR21] numbers rise, also where the clock goes back", () => {
  const state = note(note(NEW, [LOST]), [OK], T - 5_000);
  expect(state.events["sync/direct:db"]).toMatchObject({ number: T + 2, atMs: T - 5_000 });
});

test("[DIR21] what was told is on disk; a webhook that is taken away is owed nothing", () => {
  const dir = mkdtempSync(join(tmpdir(), "catwalk-webhooks-"));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  const state = note(NEW, [LOST]);
  writeTellerState(dir, state);
  expect(readTellerState(dir)).toEqual(state);
  expect(Object.keys(withoutStale(state, [LOSSES]).due)).toEqual(["losses sync/direct:db"]);
  writeFileSync(join(dir, "webhooks.json"), "{}");
  expect(readTellerState(dir)).toBeNull();
});
