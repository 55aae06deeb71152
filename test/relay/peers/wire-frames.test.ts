import { expect, test } from "vitest";

import { decodeFeedFrame, MAX_FEED_FRAME_BYTES } from "../../../relay/feed/frames.ts";
import type { FeedFrame } from "../../../relay/feed/frames.ts";
import { WireFrames } from "../../../relay/peers/feed-net.ts";
import { LENGTH_BYTES } from "../../../relay/peers/frames.ts";

test("[FEE9] [FEE10] a message to many followers is made once where their streams have one number, and anew else", () => {
  const frames = new WireFrames();
  const bytes = Buffer.from("a change");
  const to = (stream: number, of: Uint8Array = bytes): FeedFrame => ({
    type: "message",
    stream,
    bytes: of,
  });
  const first = frames.of(to(2));
  expect(frames.of(to(2))).toBe(first);
  for (const frame of [to(3), to(2, Buffer.from("another")), { type: "alive" } as const, to(2)]) {
    const wire = frames.of(frame);
    expect(wire.readUInt32BE()).toBe(wire.length - LENGTH_BYTES);
    expect(decodeFeedFrame(wire.subarray(LENGTH_BYTES))).toEqual(frame);
  }
  expect(() => frames.of(to(2, Buffer.alloc(MAX_FEED_FRAME_BYTES)))).toThrow("BUG");
});
