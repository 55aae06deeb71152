/**
 * The state machine of a channel's view: a table that is total by its type, and the events that
 * come in several forms.
 */
import { expect, test } from "vitest";

import { nextChannelState } from "../../../relay/view/channel-state.ts";
import type { ChannelEvent, ChannelState, Verdict } from "../../../relay/view/channel-state.ts";

type StateOf = { readonly [K in ChannelState["kind"]]: Extract<ChannelState, { kind: K }> };
type EventOf = { readonly [K in ChannelEvent["type"]]: Extract<ChannelEvent, { type: K }> };

const CHAIN = new Uint8Array(16).fill(5);
const NEXT_CHAIN = new Uint8Array(16).fill(6);
const DIGEST = new Uint8Array(16).fill(7);
const cursor = { epoch: "e", revision: 5, chain: CHAIN };
const verified = { revision: 5, digest: DIGEST };

const STATES: StateOf = {
  unplaced: { kind: "unplaced" },
  following: { kind: "following", cursor, verified },
  "repair-asked": { kind: "repair-asked", cursor, verified },
  repairing: { kind: "repairing", cursor, blobsLeft: 2, until: 5 },
  "catching-up": { kind: "catching-up", cursor, until: 5 },
};

/** Each as it comes in the ordinary case, to a view that is at revision 5. */
const EVENTS: EventOf = {
  connected: { type: "connected" },
  replaced: { type: "replaced" },
  "repair-needed": { type: "repair-needed" },
  unreadable: { type: "unreadable" },
  "repair-plan": {
    type: "repair-plan",
    plan: { epoch: "e", head: 9, blobs: 2, after: 5, chain: CHAIN },
  },
  blob: { type: "blob", revision: 4 },
  tail: { type: "tail", tail: { after: 5, previous: CHAIN, revision: 6, chain: NEXT_CHAIN } },
  applied: { type: "applied", hasDeferred: false },
  checkpoint: { type: "checkpoint", epoch: "e", revision: 5 },
  compared: { type: "compared", isEqual: true, verified },
};

type Expected = readonly [ChannelState["kind"], Verdict];

const ASK: Expected = ["repair-asked", "ask"];
const REPAIR: Expected = ["repairing", "apply"];
const NOWHERE: Expected = ["unplaced", "apply"];

const TABLE: Record<ChannelState["kind"], Record<ChannelEvent["type"], Expected>> = {
  unplaced: {
    connected: NOWHERE,
    replaced: NOWHERE,
    "repair-needed": ASK,
    unreadable: ASK,
    "repair-plan": REPAIR,
    blob: ["unplaced", "ignore"],
    tail: ["unplaced", "ignore"],
    applied: ["unplaced", "ignore"],
    checkpoint: ["unplaced", "ignore"],
    compared: ["unplaced", "ignore"],
  },
  following: {
    connected: ["following", "apply"],
    replaced: NOWHERE,
    "repair-needed": ASK,
    unreadable: ASK,
    "repair-plan": REPAIR,
    blob: ["following", "ignore"],
    tail: ["following", "apply"],
    applied: ["following", "ignore"],
    checkpoint: ["following", "apply"],
    compared: ["following", "apply"],
  },
  "repair-asked": {
    connected: ["following", "apply"],
    replaced: NOWHERE,
    "repair-needed": ASK,
    unreadable: ASK,
    "repair-plan": REPAIR,
    blob: ["repair-asked", "ignore"],
    tail: ["repair-asked", "ignore"],
    applied: ["repair-asked", "ignore"],
    checkpoint: ["repair-asked", "ignore"],
    compared: ["repair-asked", "ignore"],
  },
  repairing: {
    connected: NOWHERE,
    replaced: NOWHERE,
    "repair-needed": ASK,
    unreadable: ASK,
    "repair-plan": REPAIR,
    blob: ["repairing", "apply"],
    tail: ASK,
    applied: ["repairing", "ignore"],
    checkpoint: ["repairing", "ignore"],
    compared: ["repairing", "ignore"],
  },
  "catching-up": {
    connected: NOWHERE,
    replaced: NOWHERE,
    "repair-needed": ASK,
    unreadable: ASK,
    "repair-plan": REPAIR,
    blob: ["catching-up", "ignore"],
    tail: ["catching-up", "apply"],
    applied: ["following", "apply"],
    checkpoint: ["following", "apply"],
    compared: ["catching-up", "ignore"],
  },
};

const kinds = Object.keys(TABLE) as (keyof typeof TABLE)[];
for (const kind of kinds)
  test(`[VIE21] a channel's view that is ${kind} takes each event as its table says`, () => {
    const steps = Object.entries(EVENTS).map(([type, event]) => {
      const { state, verdict } = nextChannelState(STATES[kind], event);
      return [type, [state.kind, verdict]];
    });
    expect(Object.fromEntries(steps)).toEqual(TABLE[kind]);
  });

const tail = (after: number, revision: number, previous = CHAIN): ChannelEvent => ({
  type: "tail",
  tail: { after, previous, revision, chain: NEXT_CHAIN },
});

test("[VIE21] a tail with a gap before it, or of another chain, is not applied: a repair is asked for", () => {
  for (const kind of ["following", "catching-up"] as const)
    for (const event of [tail(6, 7), tail(5, 6, NEXT_CHAIN)])
      expect(nextChannelState(STATES[kind], event)).toMatchObject({
        state: { kind: "repair-asked", verified: null },
        verdict: "ask",
      });
});

test("[VIE16] a tail that begins before the position is applied whatever its chain, and one that ends there is nothing new", () => {
  expect(nextChannelState(STATES.following, tail(3, 6, NEXT_CHAIN))).toEqual({
    state: { kind: "following", cursor: { epoch: "e", revision: 6, chain: NEXT_CHAIN }, verified },
    verdict: "apply",
  });
  expect(nextChannelState(STATES.following, tail(3, 5, NEXT_CHAIN)).verdict).toBe("ignore");
});

test("[VIE21] a checkpoint of another epoch or revision says nothing of what is held", () => {
  for (const kind of ["following", "catching-up"] as const)
    for (const at of [
      { epoch: "other", revision: 5 },
      { epoch: "e", revision: 6 },
    ])
      expect(nextChannelState(STATES[kind], { type: "checkpoint", ...at })).toEqual({
        state: STATES[kind],
        verdict: "ignore",
      });
});

test("[VIE21] another digest than the origin's is repaired", () => {
  const event: ChannelEvent = { type: "compared", isEqual: false, verified };
  expect(nextChannelState(STATES.following, event)).toEqual({
    state: { kind: "repair-asked", cursor, verified: null },
    verdict: "ask",
  });
});

test("[VIE17] a repair is over at the newest revision of its plan and blobs, and once nothing is deferred", () => {
  const run = (...events: ChannelEvent[]): ChannelState =>
    events.reduce<ChannelState>((state, event) => nextChannelState(state, event).state, {
      kind: "unplaced",
    });
  const plan = EVENTS["repair-plan"];
  const blobs: ChannelEvent[] = [
    { type: "blob", revision: 4 },
    { type: "blob", revision: 11 },
  ];
  const applied: ChannelEvent = { type: "applied", hasDeferred: false };
  const deferred: ChannelEvent = { type: "applied", hasDeferred: true };
  expect(run(plan, ...blobs, applied)).toMatchObject({ kind: "catching-up", until: 11 });
  expect(run(plan, ...blobs, tail(5, 10), applied).kind).toBe("catching-up");
  expect(run(plan, ...blobs, tail(5, 11), deferred).kind).toBe("catching-up");
  expect(run(plan, ...blobs, tail(5, 11), applied).kind).toBe("following");
  // The hub tells the digest of where the view stands: there is nothing that could still come.
  expect(
    run(plan, ...blobs, tail(5, 11), deferred, { type: "checkpoint", epoch: "e", revision: 11 })
      .kind,
  ).toBe("following");
});

test("[VIE17] a plan without blobs waits for the tail only", () => {
  const plan = { epoch: "e", head: 9, blobs: 0, after: 9, chain: CHAIN };
  const { state } = nextChannelState(STATES.unplaced, { type: "repair-plan", plan });
  expect(state).toMatchObject({ kind: "catching-up", until: 9 });
  expect(nextChannelState(state, EVENTS.applied).state.kind).toBe("following");
});

test("[VIE22] a repair that breaks off leaves no position to go on from", () => {
  for (const kind of ["repairing", "catching-up"] as const)
    expect(nextChannelState(STATES[kind], EVENTS.unreadable).state).toEqual({
      kind: "repair-asked",
      cursor: null,
      verified: null,
    });
});
