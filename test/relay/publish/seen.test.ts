/** A publisher says when what a frame brings was seen at its source. */
import { expect, test } from "vitest";

import { LocalState } from "../../../relay/publish/local-state.ts";
import { Publisher } from "../../../relay/publish/publisher.ts";
import type { Message } from "../../../shared/protocol/messages.ts";
import { CHANNELS } from "../../../shared/record/channel.ts";
import { address, pod, putOf } from "../../support/records.ts";

/** A publisher that has reconciled with a hub that has what it has. */
function reconciled(version: number, hubMs: () => number | null) {
  const sent: Message[] = [];
  let nowMs = 0;
  const local = new LocalState();
  const publisher = new Publisher(local, {
    send: (message) => sent.push(message),
    setTimer: () => undefined,
    now: () => nowMs,
    hubMs,
  });
  publisher.onListed();
  const channels = CHANNELS.map((channel) => ({
    channel,
    epoch: "e",
    head: 1,
    digest: local.trie(channel).digest(),
  }));
  const welcome = { type: "home-welcome", version, term: 1, paceMs: 10, channels } as const;
  publisher.onMessage({ ...welcome, isStandby: null });
  sent.length = 0;
  const times = (): (number | null)[] =>
    sent.flatMap((message) => (message.type === "publish" ? [message.seenMs ?? null] : []));
  const change = (n: number): void => publisher.onSource([putOf(pod(`p${n}`, address(n)))]);
  const wait = (ms: number): void => {
    nowMs += ms;
    publisher.onTimer();
  };
  return { publisher, sent, times, change, wait };
}

test("[API55] a frame has the time of the oldest change in it", () => {
  let hubMs = 5_000;
  const { times, change, wait } = reconciled(5, () => hubMs);
  change(1);
  expect(times()).toEqual([5_000]);
  hubMs = 5_001.4;
  change(2);
  hubMs = 5_004;
  change(3);
  expect(times()).toEqual([5_000]);
  wait(20);
  expect(times()).toEqual([5_000, 5_001]);
});

test("[API55] a hub of an older version is told no time, and neither is one whose clock is not known", () => {
  for (const [version, hubMs] of [
    [4, 5_000],
    [5, null],
  ] as const) {
    const { times, change, sent } = reconciled(version, () => hubMs);
    change(1);
    expect(times()).toEqual([null]);
    expect(Object.keys(sent[0] ?? {})).not.toContain("seenMs");
  }
});

test("[API55] what a comparison finds has no time: nobody knows since when it differs", () => {
  const { publisher, times, change } = reconciled(5, () => 5_000);
  publisher.onDisconnect();
  change(1);
  expect(times()).toEqual([]);
});
