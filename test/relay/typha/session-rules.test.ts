import { expect, test } from "vitest";

import { decide, INITIAL, judgeLiveness } from "../../../relay/typha/splice/session-rules.ts";
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
  return { state, actions };
}

const HELLO = { type: "typha-hello", version: "v3.32.1" } as const;
const STREAMING: SessionEvent[] = [HELLO, { type: "snapshot-made", compress: false }];
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
  const { state, actions } = run(COMPRESSED);
  expect(state.phase).toBe("streaming");
  expect(actions).toEqual(["make-snapshot", "restart", "send-compressed", "definitions", "flow"]);
});

test("[TYP15] no status is sent before Felix reads plain again", () => {
  for (let n = 1; n < COMPRESSED.length; n++) {
    const { actions } = run([...COMPRESSED.slice(0, n), IN_SYNC, LOOK]);
    expect(actions.filter((action) => typeof action === "object")).toEqual([]);
  }
  expect(run([...COMPRESSED, IN_SYNC, LOOK]).actions.at(-1)).toEqual({ status: 2 });
});

test("[TYP10] an ACK that was not asked for, and anything but pongs, ends the connection", () => {
  for (const event of [
    { type: "felix-ack" },
    { type: "felix-message", name: "MsgKVs" },
  ] as SessionEvent[]) {
    const { state, actions } = run([...STREAMING, event]);
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
  const { actions } = run([...STREAMING, IN_SYNC, wait, wait, LOOK, LOOK, wait]);
  expect(actions.filter((action) => typeof action === "object")).toEqual([
    { status: 1 },
    { status: 2 },
  ]);
});

test("[TYP11] [TYP39] no status goes back while a Typha that came back tells everything", () => {
  const back: SessionEvent[] = [
    { type: "typha-lost" },
    LOOK,
    HELLO,
    { type: "typha-status", status: 1 },
    LOOK,
  ];
  const { state, actions } = run([...STREAMING, IN_SYNC, LOOK, ...back, ...back]);
  expect(state.isResync).toBe(true);
  expect(actions.slice(-2)).toEqual(["begin-resync", "begin-resync"]);
  const after = run([IN_SYNC, LOOK, { type: "typha-status", status: 1 }, LOOK], state);
  expect(after.actions).toEqual(["end-resync", { status: 1 }]);
});

test("[TYP16] another version ends the connection instead of a resync", () => {
  const { actions } = run([
    ...STREAMING,
    { type: "typha-lost" },
    { type: "typha-hello", version: "v3.33.0" },
  ]);
  expect(actions.at(-1)).toMatchObject({ by: null });
  expect(actions).not.toContain("begin-resync");
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
  expect(state).toMatchObject({ phase: "streaming", isResync: true });
});

test("nothing happens to a connection that has ended", () => {
  const ended = run([...STREAMING, { type: "felix-ack" }]).state;
  expect(run([HELLO, IN_SYNC, LOOK, { type: "felix-ack" }], ended).actions).toEqual([]);
});

const AT = { lastPongMs: 0, blockedSinceMs: null, phaseSinceMs: 0 };

test("[TYP8] [TYP15] pings come in every phase but before the hello and between a restart and its ACK", () => {
  const verdicts = (
    [
      "waiting",
      "preparing",
      "restarting",
      "compressed",
      "returning",
      "streaming",
      "ended",
    ] as Phase[]
  ).map((phase) => judgeLiveness(phase, AT, 1_000));
  expect(verdicts).toEqual(["quiet", "ping", "quiet", "ping", "quiet", "ping", "quiet"]);
});

test("[TYP10] [TYP15] who does not pong, take or acknowledge is ended, each after its time", () => {
  const end = (text: RegExp) => ({ end: expect.stringMatching(text) as string });
  expect(judgeLiveness("streaming", AT, 60_000)).toBe("ping");
  expect(judgeLiveness("streaming", AT, 60_001)).toEqual(end(/no pong for 60 s/));
  expect(judgeLiveness("restarting", AT, 60_000)).toBe("quiet");
  expect(judgeLiveness("returning", AT, 60_001)).toEqual(end(/no ACK/));
  expect(judgeLiveness("waiting", AT, 25_001)).toEqual(end(/cannot be reached/));
  const blocked = { lastPongMs: 299_000, blockedSinceMs: 0, phaseSinceMs: 0 };
  expect(judgeLiveness("streaming", blocked, 300_000)).toBe("ping");
  expect(judgeLiveness("streaming", blocked, 300_001)).toEqual(end(/takes nothing for 300 s/));
});
