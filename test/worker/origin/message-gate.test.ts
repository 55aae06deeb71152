import { expect, test } from "vitest";

import { encodeMessage } from "../../../shared/protocol/codec.ts";
import type { Message } from "../../../shared/protocol/messages.ts";
import type { RangeClaim } from "../../../shared/visibility/facts.ts";
import { RangeClaims } from "../../../worker/origin/publisher/range-claims.ts";
import { MessageGate } from "../../../worker/origin/budgets/message-gate.ts";
import { HELD_RULE } from "../../../worker/origin/budgets/held-messages.ts";
import { BUDGETS } from "../../../worker/origin/budgets/limits.ts";
import { MemberWork } from "../../../worker/origin/budgets/member-work.ts";
import type { MeshPort } from "../../../worker/origin/ports.ts";
import type { TimerRegistry } from "../../../worker/origin/timers.ts";

const report: Message = { type: "report", edges: "x".repeat(200_000), cluster: null };
const publish: Message = {
  type: "publish",
  channel: "pools",
  sequence: 1,
  payload: new Uint8Array(1),
};

/** A gate, on a clock that the test moves. */
function world() {
  const state = { nowMs: 0, dueMs: Infinity };
  const memberWork = new MemberWork();
  const ports = { clock: { now: () => state.nowMs }, memberWork };
  const delivered: Uint8Array[] = [];
  const fired: (() => void)[] = [];
  const timers: TimerRegistry = {
    own: (_, run) => {
      fired.push(run);
      return (delayMs) => {
        state.dueMs = Math.min(state.dueMs, state.nowMs + delayMs);
      };
    },
  };
  const make = () => new MessageGate(ports, timers, (_, data) => delivered.push(data));
  const gate = make();
  return { gate, other: make(), state, work: memberWork, delivered, fire: () => fired[0]?.() };
}

test("[LOG28] a member that is over its share waits, in order; others do not, and alone in the process nobody does", () => {
  const { gate, other, state, work, delivered, fire } = world();
  const say = (socket: string, member: string, message: Message) =>
    gate.admit(socket, member, encodeMessage(message)).kind;
  for (let n = 0; n < 20; n++) expect(say("a", "A", report)).toBe("now");
  // Somebody else comes, at another Origin of the process.
  expect(other.admit("b", "B", encodeMessage(report)).kind).toBe("now");
  expect(say("a", "A", report)).toBe("held");
  // A frame does not overtake what came before it, and goes at once over a socket where nothing
  // waits.
  expect(say("a", "A", publish)).toBe("held");
  expect(say("c", "A", publish)).toBe("now");
  expect(say("d", "B", report)).toBe("now");
  fire();
  expect(delivered).toEqual([]);
  while (delivered.length < 2) {
    state.nowMs = state.dueMs;
    state.dueMs = Infinity;
    work.spend("B", 0, state.nowMs);
    fire();
  }
  expect(delivered).toEqual([encodeMessage(report), encodeMessage(publish)]);
  // What it did alone is held against it for two seconds at most.
  expect(state.nowMs).toBeGreaterThan(100);
  expect(state.nowMs).toBeLessThanOrEqual(2_100);
});

test("[LOG28] messages of a millisecond and more are dealt with by a timer each, where others work; alone at once", () => {
  const { gate, work, delivered, fire } = world();
  const digest = new Uint8Array(16);
  const leaves = Array.from({ length: 2_000 }, (_, prefix) => ({ bits: 12, prefix, digest }));
  const repair = encodeMessage({ type: "repair", origin: 0, channel: "pools", leaves });
  const few = encodeMessage({ type: "repair", origin: 0, channel: "pools", leaves: [] });
  expect(gate.admit("a", "A", repair).kind).toBe("now");
  work.spend("B", 0, 0);
  expect(gate.admit("a", "A", few).kind).toBe("now");
  // There is room for all of them in what may be spent at once.
  for (let n = 0; n < 3; n++) expect(gate.admit("a", "A", repair).kind).toBe("held");
  expect(gate.admit("a", "A", few).kind).toBe("held");
  for (let n = 1; n <= 4; n++) {
    fire();
    expect(delivered).toHaveLength(n);
  }
  expect(delivered).toEqual([repair, repair, repair, few]);
});

test("[LOG30] one that goes on all the same is closed, and what waits of it is forgotten with its socket", () => {
  const { gate, work } = world();
  work.spend("B", 0, 0);
  work.spend("A", BUDGETS.memberBurstUs + 1, 0);
  work.spend("B", 0, 0);
  const hello = encodeMessage({ type: "reconciled", channel: "pools" });
  for (let n = 0; n < 64; n++) expect(gate.admit("a", "A", hello).kind).toBe("held");
  expect(gate.admit("a", "A", hello)).toEqual({ kind: "refused", rule: HELD_RULE });
  gate.forget("a");
  expect(gate.admit("a", "A", hello).kind).toBe("held");
  // Over many sockets it is the bytes.
  const admissions = Array.from({ length: 12 }, (_, n) =>
    gate.admit(`s${n}`, "A", encodeMessage(report)),
  );
  expect(admissions.filter(({ kind }) => kind === "held")).toHaveLength(10);
});

test("[LOG28] a message that breaks the protocol costs its member more than it could cost the hub", () => {
  const { gate, work } = world();
  work.spend("B", 0, 0);
  work.spend("A", 0, 0);
  gate.fine("A");
  const { brokenMessageUs, memberBurstUs, memberUsPerSecond } = BUDGETS;
  const owedUs = brokenMessageUs - memberBurstUs;
  expect(work.waitMs("A", 0)).toBe(owedUs / (memberUsPerSecond / 1_000));
});

test("[LOG29] claims are asked once each, eight times at once, then once a second, 256 together", () => {
  const state = { nowMs: 0, dueMs: Infinity };
  const asked: (readonly RangeClaim[])[] = [];
  const mesh: MeshPort = {
    pullFacts: () => undefined,
    note: () => undefined,
    tellHealth: () => undefined,
    claimRanges: (some) => asked.push(some),
  };
  let fire: () => void = () => undefined;
  const timers: TimerRegistry = {
    own: (_, run) => {
      fire = run;
      return (delayMs) => {
        state.dueMs = state.nowMs + delayMs;
      };
    },
  };
  const claims = new RangeClaims({ clock: { now: () => state.nowMs }, mesh }, timers);
  const claim = (n: number): RangeClaim => ({
    use: "pods",
    cidr: `10.${n >> 8}.${n & 255}.0/24`,
  });
  for (let n = 0; n < 600; n++) {
    claims.add([claim(n)]);
    claims.add([claim(n)]);
  }
  expect(asked.length).toBeLessThanOrEqual(9);
  const atOnce = asked.length;
  for (let n = 0; n < 10 && asked.flat().length < 600; n++) {
    state.nowMs = state.dueMs;
    fire();
  }
  expect(asked.flat().map(({ cidr }) => cidr)).toEqual(
    Array.from({ length: 600 }, (_, n) => claim(n).cidr),
  );
  expect(Math.max(...asked.map(({ length }) => length))).toBe(256);
  expect(state.nowMs).toBeGreaterThanOrEqual((asked.length - atOnce) * 1_000 - 1_000);
  // What could not be asked may be asked again.
  claims.forget([claim(1)]);
  state.nowMs += 10_000;
  claims.add([claim(1), claim(2)]);
  expect(asked.at(-1)).toEqual([claim(1)]);
});
