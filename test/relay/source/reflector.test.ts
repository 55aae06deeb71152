/** The reflector's reducer, where time matters: the fault-injecting server shows the rest. */
import fc from "fast-check";
import { expect, test } from "vitest";

import {
  ABSENT_GRACE_MS,
  BACKOFF,
  IDLE,
  stepReflector,
} from "../../../relay/source/kubernetes/reflector.ts";
import type {
  ReflectorContext,
  ReflectorEffect,
  ReflectorEvent,
  ReflectorState,
} from "../../../relay/source/kubernetes/reflector.ts";

const at = (nowMs: number, random = 0): ReflectorContext => ({ nowMs, random: () => random });
const page: ReflectorEvent = { type: "page", position: "7", continueToken: "" };

function ended(status: number): ReflectorEvent {
  return { type: "watch-ended", status, message: String(status) };
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
        if (step.effects.some(({ type }) => type === "sweep")) {
          expect(before).toBe("listing");
          const isLastPage = next.type === "page" && next.continueToken === "";
          expect(isLastPage || (next.type === "list-failed" && next.status === 404)).toBe(true);
        }
      }
    }),
  );
});
