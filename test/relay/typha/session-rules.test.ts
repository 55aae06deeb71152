import { expect, test } from "vitest";

import { judgeLiveness } from "../../../relay/typha/splice/liveness.ts";
import { decide, INITIAL, PHASES } from "../../../relay/typha/splice/session-rules.ts";
import type {
  Phase,
  SessionAction,
  SessionEvent,
  SessionState,
} from "../../../relay/typha/splice/session-rules.ts";

function run(events: readonly SessionEvent[], from: SessionState = INITIAL) {
  let state = from;
  const actions: SessionAction[] = [];

  for (const event of events) {
    const step = decide(state, event);
    state = step.state;
    actions.push(...step.actions);
  }
  return { state, actions, told: actions.map(told) };
}

/** An action as the tests below write it. */
function told(action: SessionAction): string {
  if (action.kind === "status") return `status ${action.status}`;
  return action.kind === "end" && action.by !== null ? `end by ${action.by}` : action.kind;
}

const HELLO = { type: "typha-hello", version: "v3.32.1" } as const;
const FLOWING: SessionEvent[] = [
  HELLO,
  { type: "snapshot-made", compress: false },
  { type: "snapshot-sent" },
];
const COMPRESSED: SessionEvent[] = [
  HELLO,
  { type: "snapshot-made", compress: true },
  { type: "felix-ack" },
  { type: "snapshot-sent" },
  { type: "felix-ack" },
];
const IN_SYNC = { type: "typha-status", status: 2 } as const;
const LOOK = { type: "look", mayBeInSync: true } as const;

test("[TYP15] a compressed snapshot is two restarts, each acknowledged", () => {
  const { state, told: actions } = run(COMPRESSED);
  expect(state.phase).toBe("flowing");
  expect(actions).toEqual(["make-snapshot", "restart", "send-compressed", "definitions", "flow"]);
});

test("[TYP15] no status is sent before Felix reads plain again", () => {
  for (let n = 1; n < COMPRESSED.length; n++) {
    const { actions } = run([...COMPRESSED.slice(0, n), IN_SYNC, LOOK]);
    expect(actions.filter(({ kind }) => kind === "status" || kind === "end")).toEqual([]);
  }
  expect(run([...COMPRESSED, IN_SYNC, LOOK]).told.at(-1)).toBe("status 2");
});

test("[TYP10] an ACK that was not asked for, and anything but pongs, ends the connection", () => {
  for (const event of [
    { type: "felix-ack" },
    { type: "felix-message", name: "MsgKVs" },
  ] as SessionEvent[]) {
    const { state, actions } = run([...FLOWING, event]);
    expect(state.phase).toBe("ended");
    expect(actions.at(-1)).toMatchObject({ by: "felix" });
  }
  expect(run([HELLO, { type: "felix-ack" }]).state.phase).toBe("ended");
  // In the compressed snapshot, before its second restart.
  const inside = run([...COMPRESSED.slice(0, 3), { type: "felix-ack" }]);
  expect(inside.state.phase).toBe("ended");
  expect(inside.actions.at(-1)).toMatchObject({ by: "felix" });
});

test("[TYP8] in-sync waits for the remote views and says resync meanwhile, once", () => {
  const wait = { type: "look", mayBeInSync: false } as const;
  const { told: actions } = run([...FLOWING, IN_SYNC, wait, wait, LOOK, LOOK, wait]);
  expect(actions.filter((action) => action.startsWith("status"))).toEqual(["status 1", "status 2"]);
});

test("[TYP11] [TYP39] no status goes back while a Typha that came back tells everything", () => {
  const back: SessionEvent[] = [
    { type: "typha-lost" },
    LOOK,
    HELLO,
    { type: "typha-status", status: 1 },
    LOOK,
  ];
  const { state, told: actions } = run([...FLOWING, IN_SYNC, LOOK, ...back, ...back]);
  expect(state.isResync).toBe(true);
  expect(actions.slice(-2)).toEqual(["begin-resync", "begin-resync"]);
  const after = run([IN_SYNC, LOOK, { type: "typha-status", status: 1 }, LOOK], state);
  expect(after.told).toEqual(["end-resync", "status 1"]);
});

test("[TYP16] another version ends the connection instead of a resync", () => {
  const { actions } = run([
    ...FLOWING,
    { type: "typha-lost" },
    { type: "typha-hello", version: "v3.33.0" },
  ]);
  expect(actions.at(-1)).toMatchObject({ by: null });
  expect(actions.map(({ kind }) => kind)).not.toContain("begin-resync");
});

test("[TYP15] a Typha that is lost before the snapshot is sent does not keep Felix from its ACKs", () => {
  const { state } = run([
    HELLO,
    { type: "typha-lost" },
    { type: "snapshot-made", compress: true },
    { type: "felix-ack" },
    { type: "snapshot-sent" },
    HELLO,
    { type: "felix-ack" },
  ]);
  expect(state).toMatchObject({ phase: "flowing", isResync: true });
});

type Expected = Readonly<Record<SessionEvent["type"], readonly [Phase, ...string[]]>>;

const EVENTS: Readonly<Record<SessionEvent["type"], SessionEvent>> = {
  "typha-hello": HELLO,
  "typha-status": IN_SYNC,
  "typha-lost": { type: "typha-lost" },
  "snapshot-made": { type: "snapshot-made", compress: true },
  "snapshot-sent": { type: "snapshot-sent" },
  "felix-ack": { type: "felix-ack" },
  "felix-message": { type: "felix-message", name: "MsgKVs" },
  look: LOOK,
};

const ENDS = ["ended", "end by felix"] as const;

/**
 * What each event brings about in a phase that only a hello from Typha, or Felix's fault, leaves.
 */
function unmoved(phase: Phase): Expected {
  return {
    "typha-hello": [phase, "begin-resync"],
    "typha-status": [phase],
    "typha-lost": [phase],
    "snapshot-made": [phase],
    "snapshot-sent": [phase],
    "felix-ack": ENDS,
    "felix-message": ENDS,
    look: [phase],
  };
}

/** From each phase, with Typha there and in sync but for `waiting`. */
const TABLE: Readonly<Record<Phase, Expected>> = {
  waiting: { ...unmoved("waiting"), "typha-hello": ["preparing", "make-snapshot"] },
  preparing: { ...unmoved("preparing"), "snapshot-made": ["restarting", "restart"] },
  restarting: { ...unmoved("restarting"), "felix-ack": ["compressed", "send-compressed"] },
  compressed: { ...unmoved("compressed"), "snapshot-sent": ["returning"] },
  returning: { ...unmoved("returning"), "felix-ack": ["flowing", "definitions", "flow"] },
  sending: { ...unmoved("sending"), "snapshot-sent": ["flowing", "flow"] },
  flowing: { ...unmoved("flowing"), look: ["flowing", "status 2"] },
  ended: {
    "typha-hello": ["ended"],
    "typha-status": ["ended"],
    "typha-lost": ["ended"],
    "snapshot-made": ["ended"],
    "snapshot-sent": ["ended"],
    "felix-ack": ["ended"],
    "felix-message": ["ended"],
    look: ["ended"],
  },
};

test.each(PHASES)("[TYP15] [TYP10] what every event does in phase %s", (phase) => {
  const there = { ...INITIAL, version: HELLO.version, isTyphaUp: true, typhaStatus: 2 };
  const state = phase === "waiting" ? INITIAL : { ...there, phase };
  for (const event of Object.values(EVENTS)) {
    const step = run([event], state);
    expect([step.state.phase, ...step.told], event.type).toEqual(TABLE[phase][event.type]);
  }
});

const AT = { lastPongMs: 0, blockedSinceMs: null, phaseSinceMs: 0 };

test("[TYP8] [TYP15] pings come in every phase but before the hello and between a restart and its ACK", () => {
  const verdicts = PHASES.map((phase) => [phase, judgeLiveness(phase, AT, 1_000).kind]);
  expect(Object.fromEntries(verdicts)).toEqual({
    waiting: "quiet",
    preparing: "ping",
    restarting: "quiet",
    compressed: "ping",
    returning: "quiet",
    sending: "ping",
    flowing: "ping",
    ended: "quiet",
  });
});

test("[TYP10] [TYP15] who does not pong, take or acknowledge is ended, each after its time", () => {
  const end = (text: RegExp) => ({ kind: "end", reason: expect.stringMatching(text) as string });
  expect(judgeLiveness("flowing", AT, 60_000).kind).toBe("ping");
  expect(judgeLiveness("flowing", AT, 60_001)).toEqual(end(/no pong for 60 s/));
  expect(judgeLiveness("restarting", AT, 60_000).kind).toBe("quiet");
  expect(judgeLiveness("returning", AT, 60_001)).toEqual(end(/no ACK/));
  expect(judgeLiveness("waiting", AT, 25_001)).toEqual(end(/cannot be reached/));
  const blocked = { lastPongMs: 299_000, blockedSinceMs: 0, phaseSinceMs: 0 };
  expect(judgeLiveness("flowing", blocked, 300_000).kind).toBe("ping");
  expect(judgeLiveness("flowing", blocked, 300_001)).toEqual(end(/takes nothing for 300 s/));
});
