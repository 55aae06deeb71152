/** The reflector's reducer, where time matters: the fault-injecting server shows the rest. */
import fc from "fast-check";
import { expect, test } from "vitest";

import {
  AFTER_FAILURE_MS,
  LOOK_MS,
  SILENT_MS,
} from "../../../relay/source/kubernetes/silent-watch.ts";
import type { Look } from "../../../relay/source/kubernetes/silent-watch.ts";
import {
  ABSENT_GRACE_MS,
  BACKOFF,
  stepReflector,
} from "../../../relay/source/kubernetes/reflector.ts";
import { IDLE } from "../../../relay/source/kubernetes/reflector-state.ts";
import type {
  ReflectorContext,
  ReflectorEffect,
  ReflectorEvent,
  ReflectorState,
} from "../../../relay/source/kubernetes/reflector-state.ts";

/** [SRC86] says so. */
const PROVEN_WITHIN_MS = 90_000;

const at = (nowMs: number, random = 0): ReflectorContext => ({ nowMs, random: () => random });
const page: ReflectorEvent = { type: "page", position: "7", continueToken: "" };

function ended(status: number): ReflectorEvent {
  return { type: "watch-ended", status, message: String(status) };
}

/** A look that agrees with a watch at position 7 with three objects, but for what is given. */
function looked(look: Partial<Look> = {}): ReflectorEvent {
  const agreeing = { position: "7", count: 3, known: 3, isStranger: false, objectPosition: "5" };
  return { type: "looked", look: { ...agreeing, ...look } };
}

/** Runs events at given times; effects of the last one. */
function run(events: readonly (readonly [number, ReflectorEvent])[], from: ReflectorState = IDLE) {
  let state = from;
  let effects: readonly ReflectorEffect[] = [];
  for (const [nowMs, event] of events)
    ({ state, effects } = stepReflector(state, event, at(nowMs)));
  return { state, effects };
}

const watching = run([
  [0, { type: "start" }],
  [0, page],
]).state;

function failWatches(count: number, status: number): number[] {
  const pauses: number[] = [];
  let state = watching;
  for (let i = 0; i < count; i++) {
    const step = run([[0, ended(status)]], state);
    const pause = step.effects.find((effect) => effect.type === "wait");
    if (pause !== undefined) pauses.push(pause.ms);
    state = step.state;
    // Whatever comes next: after the pause, a list that works, and a watch that fails again.
    if (state.phase.kind === "waiting") ({ state } = run([[0, { type: "timer" }]], state));
    if (state.phase.kind === "listing") ({ state } = run([[0, page]], state));
  }
  return pauses;
}

test("[SRC32] pauses double from 200 ms up to 30 s, and stay there", () => {
  const pauses = failWatches(12, 500);
  expect(pauses.slice(0, 4)).toEqual([200, 400, 800, 1600]);
  expect(pauses.at(-1)).toBe(BACKOFF.capMs);
});

test("[SRC32] a watch that worked ends the row of failures", () => {
  let { state } = run(
    [
      [0, ended(500)],
      [0, { type: "timer" }],
      [0, ended(500)],
      [0, { type: "timer" }],
    ],
    watching,
  );
  expect(state.failures).toBe(2);
  ({ state } = run([[0, { type: "progress", position: "8" }]], state));
  expect(run([[0, ended(500)]], state).effects).toEqual([{ type: "wait", ms: 200 }]);
});

test("[SRC32] a watch that the server ends in good order is opened at once, unless it lived for less than 5 s", () => {
  expect(run([[5000, ended(200)]], watching).effects[0]).toMatchObject({
    type: "watch",
    position: "7",
  });
  expect(run([[4999, ended(200)]], watching).effects[0]).toMatchObject({ type: "wait" });
});

test("[SRC33] a server that expires every position is asked with growing pauses", () => {
  const pauses = failWatches(6, 410);
  expect(pauses).toHaveLength(5);
  expect(pauses.at(-1)).toBeGreaterThan(3000);
});

test("[SRC33] after four failed watches in a row the position is given up and the collection listed", () => {
  const kinds: string[] = [];
  let state = watching;
  for (let i = 0; i < 4; i++) {
    ({ state } = run([[0, ended(504)]], state));
    kinds.push(state.phase.kind === "waiting" ? state.phase.next : state.phase.kind);
    ({ state } = run([[0, { type: "timer" }]], state));
  }
  expect(kinds).toEqual(["watch", "watch", "watch", "list"]);
});

test("[SRC37] 404 on a collection with objects is believed after 60 s", () => {
  const gone: ReflectorEvent = {
    type: "list-failed",
    status: 404,
    message: "404",
    hasObjects: true,
  };
  const listing = run(
    [
      [0, ended(404)],
      [0, { type: "timer" }],
    ],
    watching,
  ).state;
  const first = run([[0, gone]], listing);
  expect(first.effects.map(({ type }) => type)).toEqual(["wait"]);
  const later = run(
    [
      [1000, { type: "timer" }],
      [ABSENT_GRACE_MS - 1, gone],
    ],
    first.state,
  );
  expect(later.effects.map(({ type }) => type)).toEqual(["wait"]);
  const last = run(
    [
      [ABSENT_GRACE_MS, { type: "timer" }],
      [ABSENT_GRACE_MS, gone],
    ],
    later.state,
  );
  expect(last.effects.map(({ type }) => type)).toEqual(["sweep", "listed", "wait"]);
  expect(last.state.phase.kind).toBe("absent");
});

test("[SRC30] whatever comes in whatever order, there is at most one request or pause under way, and a sweep only after a last page", () => {
  const event = fc.oneof(
    fc.constant<ReflectorEvent>({ type: "start" }),
    fc.constant<ReflectorEvent>({ type: "timer" }),
    fc.record({
      type: fc.constant("page" as const),
      position: fc.constant("9"),
      continueToken: fc.constantFrom("", "t"),
    }),
    fc.record({
      type: fc.constant("list-failed" as const),
      status: fc.constantFrom(0, 401, 404, 410, 500),
      message: fc.constant("m"),
      hasObjects: fc.boolean(),
    }),
    fc.record({ type: fc.constant("progress" as const), position: fc.constantFrom("", "10") }),
    fc.constantFrom(200, 0, 410, 404, 500).map(ended),
    fc.constant<ReflectorEvent>({ type: "unparsable", message: "m" }),
    fc.constant<ReflectorEvent>({ type: "silence" }),
    fc.constant<ReflectorEvent>({ type: "look-failed", message: "m" }),
    fc.constantFrom("1", "10").map((position) => looked({ position })),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(100_000), event), { maxLength: 60 }), (events) => {
      let state = IDLE;
      for (const [nowMs, next] of events) {
        const before = state.phase.kind;
        const step = stepReflector(state, next, at(nowMs, 0.5));
        ({ state } = step);
        const started = step.effects.filter(
          ({ type }) => type === "list" || type === "watch" || type === "wait",
        );
        expect(started.length).toBeLessThanOrEqual(1);
        if (step.effects.some(({ type }) => type === "look"))
          expect([before, started]).toEqual(["watching", []]);
        if (step.effects.some(({ type }) => type === "sweep")) {
          expect(before).toBe("listing");
          const isLastPage = next.type === "page" && next.continueToken === "";
          expect(isLastPage || (next.type === "list-failed" && next.status === 404)).toBe(true);
        }
      }
    }),
  );
});

const silence: ReflectorEvent = { type: "silence" };
const types = (effects: readonly ReflectorEffect[]): string[] => effects.map(({ type }) => type);

test("[SRC86] a watch without a sign is looked at, in time to be listed within 90 s of its last sign", () => {
  expect(SILENT_MS + LOOK_MS).toBeLessThan(PROVEN_WITHIN_MS);
  const opened = run(
    [
      [0, { type: "start" }],
      [500, page],
    ],
    IDLE,
  );
  expect(opened.effects.at(-1)).toEqual({ type: "expect-sign", ms: SILENT_MS });
  const early = run([[499 + SILENT_MS, silence]], opened.state);
  expect(early.effects).toEqual([{ type: "expect-sign", ms: 1 }]);
  const late = run([[500 + SILENT_MS, silence]], opened.state);
  expect(types(late.effects)).toEqual(["look"]);
  // A look at a time.
  expect(run([[501 + SILENT_MS, silence]], late.state).effects).toEqual([]);
});

test("[SRC86] an event or a bookmark puts the look off", () => {
  const heard = run(
    [
      [0, { type: "start" }],
      [0, page],
      [60_000, { type: "progress", position: "8" }],
      [SILENT_MS, silence],
    ],
    IDLE,
  );
  expect(heard.effects).toEqual([{ type: "expect-sign", ms: 60_000 }]);
});

test("[SRC86] something in between that ends each silent watch before its time does not put the look off", () => {
  let { state } = run([
    [0, { type: "start" }],
    [0, page],
  ]);
  let effects: readonly ReflectorEffect[] = [];
  for (let nowMs = 30_000; nowMs <= 60_000; nowMs += 30_000) {
    ({ state } = run([[nowMs, ended(0)]], state));
    ({ state, effects } = run([[nowMs, { type: "timer" }]], state));
  }
  expect(effects.at(-1)).toEqual({ type: "expect-sign", ms: AFTER_FAILURE_MS });
  // Also where the server ends them in good order.
  const before = run([
    [0, { type: "start" }],
    [0, page],
    [60_000, ended(200)],
  ]);
  expect(before.effects.at(-1)).toEqual({ type: "expect-sign", ms: SILENT_MS - 60_000 });
  expect(types(run([[SILENT_MS, silence]], before.state).effects)).toEqual(["look"]);
});

test("[SRC86] a watch that was opened after a failure is looked at after 5 s: the server may have come back with another store", () => {
  const again = run([
    [0, { type: "start" }],
    [0, page],
    [10_000, ended(0)],
    [10_200, { type: "timer" }],
  ]);
  expect(again.effects.at(-1)).toEqual({ type: "expect-sign", ms: AFTER_FAILURE_MS });
  const due = 10_200 + AFTER_FAILURE_MS;
  expect(types(run([[due, silence]], again.state).effects)).toEqual(["look"]);
  const spoken = run([[11_000, { type: "progress", position: "8" }]], again.state).state;
  expect(run([[due, silence]], spoken).effects).toEqual([
    { type: "expect-sign", ms: 11_000 + SILENT_MS - due },
  ]);
});

/** A watch at position 7 that is looked at. */
const watched = run([
  [0, { type: "start" }],
  [0, page],
  [SILENT_MS, silence],
]).state;

for (const [what, look] of [
  ["at the same position", {}],
  ["further on, where something else was written", { position: "1009" }],
  ["at the same position, by a server that does not count", { count: null }],
  ["empty, as is ours", { position: "12", count: 0, known: 0, objectPosition: "" }],
] as const)
  test(`[SRC86] a silent watch is believed when the server is ${what}`, () => {
    const { state, effects } = run([[SILENT_MS + 50, looked(look)]], watched);
    expect(effects).toEqual([{ type: "expect-sign", ms: SILENT_MS }]);
    expect(state).toMatchObject({ position: "7", signMs: SILENT_MS + 50 });
  });

for (const [what, look] of [
  ["is behind the watch", { position: "6" }],
  ["is at the same position with fewer objects", { count: 2 }],
  ["is further on with more objects", { position: "99", count: 4 }],
  ["is further on and does not count", { position: "99", count: null }],
  ["has positions that are no numbers", { position: "a-7" }],
  ["has an object that we do not have", { position: "99", isStranger: true }],
  ["has an object that has changed since", { position: "99", objectPosition: "10" }],
  ["is empty", { position: "99", count: 0, objectPosition: "" }],
] as const)
  test(`[SRC86] a silent watch is not believed, and the collection listed at once, when the server ${what}`, () => {
    const { state, effects } = run([[SILENT_MS + 50, looked(look)]], watched);
    expect(types(effects)).toEqual(["close-watch", "begin-list", "list"]);
    expect(state.phase.kind).toBe("listing");
  });

test("[SRC86] a look that fails proves nothing: the collection is listed, after a pause", () => {
  const { state, effects } = run([[0, { type: "look-failed", message: "away" }]], watched);
  expect(types(effects)).toEqual(["close-watch", "wait"]);
  expect(state.phase).toEqual({ kind: "waiting", next: "list", error: "away" });
});

test("[SRC86] a look is of no account when the watch has spoken meanwhile, or is another one by then", () => {
  const spoken = run([[SILENT_MS + 1, { type: "progress", position: "8" }]], watched).state;
  expect(types(run([[SILENT_MS + 2, looked({ count: 1 })]], spoken).effects)).toEqual([
    "expect-sign",
  ]);
  const reopened = run(
    [
      [SILENT_MS + 1, ended(200)],
      [SILENT_MS + 2, looked({ count: 1 })],
    ],
    watched,
  );
  expect([reopened.effects, reopened.state.phase.kind]).toEqual([[], "watching"]);
});

test("[SRC87] a position that went back is of another history: the collection is listed", () => {
  const at100 = run([[1, { type: "progress", position: "100" }]], watching).state;
  const back = run([[2, { type: "progress", position: "99" }]], at100);
  expect(types(back.effects)).toEqual(["close-watch", "wait"]);
  expect(back.state.phase).toMatchObject({ kind: "waiting", next: "list" });
  // Text that is no number says nothing of the order.
  const opaque = run([[2, { type: "progress", position: "0x9" }]], at100);
  expect([opaque.effects, opaque.state.position]).toEqual([[], "0x9"]);
});
