/** The state machine of a reader's channel, as a total table. */
import { expect, test } from "vitest";

import { hasReached, nextProgress } from "../../../worker/origin/readers/reader-progress.ts";
import type { Progress, ProgressEvent } from "../../../worker/origin/readers/reader-progress.ts";

type Phase = Progress["phase"];
type Kind = ProgressEvent["kind"];
/** `same`: the event changes nothing in this state. */
type Expected = Progress | "same";

const WHOLE = { bits: 0, prefix: 0 };
const HALVES = [
  { bits: 1, prefix: 0 },
  { bits: 1, prefix: 2 ** 31 },
];
const LEAVES = [{ ...WHOLE, digest: new Uint8Array(16) }];
const OTHER_LEAVES = HALVES.map((half) => ({ ...half, digest: new Uint8Array(16) }));

const STATES: { readonly [P in Phase]: Progress & { readonly phase: P } } = {
  "ask-due": { phase: "ask-due", reason: "first-contact" },
  "repair-asked": { phase: "repair-asked" },
  "plan-due": { phase: "plan-due", leaves: LEAVES },
  blobs: { phase: "blobs", blobs: HALVES, next: 0, after: 10 },
  frames: { phase: "frames", base: null, next: 21, isCheckpointDue: false },
};

const EVENTS: { readonly [K in Kind]: ProgressEvent & { readonly kind: K } } = {
  resumed: { kind: "resumed", after: 4 },
  "repair-needed": { kind: "repair-needed", reason: "compacted" },
  asked: { kind: "asked" },
  leaves: { kind: "leaves", leaves: OTHER_LEAVES },
  planned: { kind: "planned", blobs: [WHOLE], after: 30 },
  "blob-sent": { kind: "blob-sent" },
  "frames-sent": { kind: "frames-sent", upTo: 25 },
  "checkpoint-due": { kind: "checkpoint-due" },
  "checkpoint-sent": { kind: "checkpoint-sent" },
};

const RESUMED: Progress = { phase: "frames", base: null, next: 5, isCheckpointDue: true };
const ASK_DUE: Progress = { phase: "ask-due", reason: "compacted" };
const PLAN_DUE: Progress = { phase: "plan-due", leaves: OTHER_LEAVES };

/** Events that mean the same in every state. */
const ALWAYS = { resumed: RESUMED, "repair-needed": ASK_DUE, leaves: PLAN_DUE } as const;

const TABLE: Record<Phase, Record<Kind, Expected>> = {
  "ask-due": {
    ...ALWAYS,
    asked: { phase: "repair-asked" },
    planned: "same",
    "blob-sent": "same",
    "frames-sent": "same",
    "checkpoint-due": "same",
    "checkpoint-sent": "same",
  },
  "repair-asked": {
    ...ALWAYS,
    asked: "same",
    planned: "same",
    "blob-sent": "same",
    "frames-sent": "same",
    "checkpoint-due": "same",
    "checkpoint-sent": "same",
  },
  "plan-due": {
    ...ALWAYS,
    asked: "same",
    planned: { phase: "blobs", blobs: [WHOLE], next: 0, after: 30 },
    "blob-sent": "same",
    "frames-sent": "same",
    "checkpoint-due": "same",
    "checkpoint-sent": "same",
  },
  blobs: {
    ...ALWAYS,
    asked: "same",
    planned: "same",
    "blob-sent": { phase: "blobs", blobs: HALVES, next: 1, after: 10 },
    "frames-sent": "same",
    "checkpoint-due": "same",
    "checkpoint-sent": "same",
  },
  frames: {
    ...ALWAYS,
    asked: "same",
    planned: "same",
    "blob-sent": "same",
    "frames-sent": { phase: "frames", base: null, next: 26, isCheckpointDue: false },
    "checkpoint-due": { phase: "frames", base: null, next: 21, isCheckpointDue: true },
    "checkpoint-sent": "same",
  },
};

for (const phase of Object.keys(STATES) as Phase[])
  test(`[LOG9] a reader's channel in state ${phase}: every event`, () => {
    const state = STATES[phase];
    for (const kind of Object.keys(EVENTS) as Kind[]) {
      const expected = TABLE[phase][kind];
      const next = nextProgress(state, EVENTS[kind]);
      if (expected === "same") expect(next, kind).toBe(state);
      else expect(next, kind).toEqual(expected);
    }
  });

test("[LOG6] a plan without blobs, and the last blob, go on with the frames behind the plan", () => {
  const frames = { phase: "frames", base: 30, next: 31, isCheckpointDue: true };
  const empty = { kind: "planned", blobs: [], after: 30 } as const;
  expect(nextProgress(STATES["plan-due"], empty)).toEqual(frames);
  const last = { ...STATES.blobs, next: 1, after: 30 };
  expect(nextProgress(last, EVENTS["blob-sent"])).toEqual(frames);
  const due = { ...STATES.frames, isCheckpointDue: true };
  expect(nextProgress(due, EVENTS["checkpoint-sent"])).toEqual(STATES.frames);
});

test("[LOG3] an acknowledgement counts for what was sent since the repair, and for nothing before", () => {
  for (const phase of ["ask-due", "repair-asked", "plan-due", "blobs"] as const)
    expect(hasReached(STATES[phase], 10), phase).toBe(false);
  expect(hasReached(STATES.frames, 3)).toBe(true);
  expect(hasReached(STATES.frames, 0)).toBe(false);
  const repaired = { ...STATES.frames, base: 10 };
  expect([9, 10, 20, 21].map((revision) => hasReached(repaired, revision))).toEqual([
    false,
    true,
    true,
    false,
  ]);
});
