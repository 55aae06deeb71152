/** [LOG17] When a publisher sends. */
import { expect, test } from "vitest";

import { LocalState } from "../../../relay/publish/local-state.ts";
import { Publisher } from "../../../relay/publish/publisher.ts";
import { decodePayload } from "../../../shared/log/payload.ts";
import type { Message } from "../../../shared/protocol/messages.ts";
import { CHANNELS } from "../../../shared/record/channel.ts";
import { address, pod, putOf } from "../../support/records.ts";

const PACE_MS = 1_000;

/** A publisher that is reconciled, with a clock that a test moves. */
function reconciled({ paceMs = PACE_MS } = {}) {
  const sent: Message[] = [];
  const timers: number[] = [];
  const local = new LocalState();
  const clock = { nowMs: 10_000 };
  const publisher = new Publisher(local, {
    send: (message) => sent.push(message),
    setTimer: (delayMs) => timers.push(delayMs),
    now: () => clock.nowMs,
  });
  publisher.onListed();
  const channels = CHANNELS.map((channel) => ({
    channel,
    epoch: "e",
    head: 0,
    digest: local.trie(channel).digest(),
  }));
  const welcome = { version: 2, term: 1, paceMs, channels, isStandby: null };
  publisher.onMessage({ type: "home-welcome", ...welcome });
  sent.length = 0;
  let versions = 0;
  const change = (from: number, count: number): void =>
    publisher.onSource(
      Array.from({ length: count }, (_, n) =>
        putOf(pod(`p${from + n}`, address(from + n), { version: String(versions++) })),
      ),
    );
  const accept = (sequence: number): void =>
    publisher.onMessage({
      type: "accepted",
      channel: "identity",
      sequence,
      epoch: "e",
      revision: sequence,
      refused: 0,
      paceMs,
    });
  const sizes = (): number[] =>
    sent.flatMap((message) => {
      if (message.type !== "publish") return [];
      const decoded = decodePayload(message.payload);
      return decoded.ok ? [decoded.changes.length] : [];
    });
  return { publisher, clock, timers, change, accept, sizes };
}

test("[LOG17] the first change leaves at once, what follows within the pace leaves together", () => {
  const { publisher, clock, timers, change, sizes } = reconciled();
  change(0, 1);
  change(1, 1);
  change(2, 1);
  expect([sizes(), timers.length > 0]).toEqual([[1], true]);
  clock.nowMs += PACE_MS;
  publisher.onTimer();
  expect(sizes()).toEqual([1, 2]);
});

test("[LOG17] a timer that is late by its last millisecond makes no interval longer, and a pause is no reason to hurry", () => {
  const { publisher, clock, timers, change, accept, sizes } = reconciled();
  change(0, 1);
  for (let n = 1; n <= 10; n++) {
    accept(n);
    change(n, 1);
    clock.nowMs += (timers.at(-1) ?? 0) + 1;
    publisher.onTimer();
  }
  expect(sizes()).toHaveLength(11);
  expect(clock.nowMs).toBe(10_000 + 10 * PACE_MS + 1);
  clock.nowMs += 10 * PACE_MS;
  accept(11);
  change(20, 1);
  change(21, 1);
  expect([sizes().length, timers.at(-1)]).toEqual([12, PACE_MS]);
});

test("[LOG17] [LOG53] full frames wait for acknowledgements only: no pace limits what a publisher gets through", () => {
  const { change, accept, sizes } = reconciled();
  change(0, 1_400);
  expect(sizes()).toEqual([400, 400]);
  accept(1);
  expect(sizes()).toEqual([400, 400, 400]);
  accept(2);
  // What is left is not full.
  expect(sizes()).toEqual([400, 400, 400]);
});

test("[LOG24] a late hub is sent fewer frames: what changes meanwhile leaves together, while a full frame goes at once and says nothing of lateness", () => {
  const { clock, timers, change, accept, sizes } = reconciled({ paceMs: 3 });
  let sequence = 0;
  const send = (count: number, tookMs: number): void => {
    change(0, count);
    clock.nowMs += tookMs;
    accept(++sequence);
    clock.nowMs += 2_000;
  };
  for (let n = 0; n < 20; n++) send(400, 3_000);
  change(0, 1);
  change(1, 1);
  expect(timers.at(-1)).toBe(3);
  clock.nowMs += 3_000;
  accept(++sequence);
  accept(++sequence);
  for (let n = 0; n < 20; n++) send(1, 1_000);
  const before = sizes().length;
  change(0, 1);
  change(1, 1);
  change(2, 1);
  expect([sizes().slice(before), timers.at(-1)]).toEqual([[1], 1_000]);
});
