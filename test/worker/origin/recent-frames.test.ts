/** [LOG15] What a log remembers of frames that are gone. */
import { expect, test } from "vitest";

import { CHAIN_BYTES } from "../../../shared/log/cursor.ts";
import { RecentFrames } from "../../../worker/origin/log/recent-frames.ts";

const DELETES = 400;

function keyHash(n: number): Uint8Array {
  const hash = new Uint8Array(12);
  new DataView(hash.buffer).setUint32(0, n);
  return hash;
}

/** Frames that delete another 400 keys each. */
function deleted(frames: number): RecentFrames {
  const recent = new RecentFrames();
  for (let revision = 1; revision <= frames; revision++) {
    recent.push(revision, new Uint8Array(CHAIN_BYTES), DELETES);
    for (let n = 0; n < DELETES; n++) recent.deleted(keyHash(revision * DELETES + n), revision);
  }
  return recent;
}

test("[LOG15] of frames before what is remembered none is skipped, for any may still count", () => {
  const recent = deleted(300);
  // More room is made.
  for (let revision = 301; revision <= 500; revision++)
    recent.push(revision, new Uint8Array(CHAIN_BYTES), 1);
  expect(recent.previousOf(100)).toBeUndefined();
  expect(recent.nextLive(0)).toBe(1);
  expect(recent.nextLive(99)).toBe(100);
});

test("[LOG15] a frame of which every change is replaced is skipped", () => {
  const recent = deleted(10);
  for (let n = 0; n < DELETES; n++) recent.restored(keyHash(3 * DELETES + n));
  expect(recent.nextLive(1)).toBe(2);
  expect(recent.nextLive(2)).toBe(4);
  expect(recent.nextLive(10)).toBeUndefined();
});
