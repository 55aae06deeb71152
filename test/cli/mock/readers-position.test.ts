/**
 * [CLI30] What made-up readers know of the log they read, against a real view of the same messages.
 */
import { expect, test } from "vitest";

import { ChangeCounts } from "../../../cli/mock/change-counts.ts";
import { LogPosition } from "../../../cli/mock/log-position.ts";
import type { Frame, WatchMessage } from "../../../shared/protocol/messages.ts";
import { populatedWorld, TestReader } from "../../support/origin-peers.ts";
import { address, pod, putOf } from "../../support/records.ts";

function relabelled(n: number, version: number) {
  const labels = { version: String(version) };
  return putOf(pod(`p${n}`, address(n), labels));
}

test("[CLI30] a made-up reader stands where a relay's view stands: in a repair, after blobs, frames and what it missed", () => {
  const { world, publisher } = populatedWorld(1_500);
  const reader = new TestReader(world);
  reader.connect();
  for (let n = 0; n < 3; n++) publisher.change(relabelled(0, n));
  world.disconnect(reader.socket);
  for (let n = 3; n < 9; n++) publisher.change(relabelled(0, n), relabelled(1, n));
  reader.connect();
  const messages = reader.received.filter(
    (message) => "channel" in message && message.channel === "identity",
  ) as WatchMessage[];
  const position = new LogPosition();
  const positions = messages.map((message) => {
    position.advance(message);
    return position.acknowledged;
  });
  const types = new Set(messages.map(({ type }) => type));
  expect([...types]).toEqual(expect.arrayContaining(["repair-plan", "blob", "frame", "catch-up"]));
  const firstBlob = messages.findIndex(({ type }) => type === "blob");
  expect(positions[firstBlob - 1]?.revision).toBe(0);
  const { revision, chain } = reader.views.get("identity")?.acknowledged ?? {};
  expect(positions.at(-1)).toEqual({ revision, chain });
});

test("[CLI30] [CLI57] changes are counted, not frames; what cannot be read brings none", () => {
  const { world, publisher, reader } = populatedWorld(3);
  reader.received.length = 0;
  publisher.change(relabelled(0, 1), relabelled(1, 1));
  publisher.change(relabelled(0, 2));
  world.advance(1_000);
  const frames = reader.received.filter((message): message is Frame => message.type === "frame");
  const counts = new ChangeCounts();
  expect([...frames, ...frames].map((frame) => counts.of(frame))).toEqual([2, 1, 2, 1]);
  const [frame] = frames;
  if (frame === undefined) throw new Error("no frame");
  const unreadable = { ...frame, revision: 99, payload: Uint8Array.of(1) };
  expect(counts.of(unreadable)).toBe(0);
});
