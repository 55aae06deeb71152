/** [LOG18] What small frames have changed, kept for the next fold. */
import { expect, test } from "vitest";

import { encodeRecord, hashRecord, keyHashOf } from "../../../shared/record/encoding.ts";
import type { AdmittedChange } from "../../../worker/origin/intake.ts";
import { SmallFrames } from "../../../worker/origin/small-frames.ts";
import { address, pod } from "../../support/records.ts";

function change(n: number): AdmittedChange {
  const record = pod(`web-${n}`, address(n % 200));
  const keyHash = keyHashOf(record);
  if (n % 5 === 0)
    return { change: { op: "delete", keyHash, cause: "observed" }, keyHash, recordHash: null };
  const bytes = encodeRecord(record);
  return { change: { op: "put", bytes }, keyHash, recordHash: hashRecord(bytes) };
}

const frame = (revision: number, changes = 3): AdmittedChange[] =>
  Array.from({ length: changes }, (_, n) => change(revision * 7 + n));

const all = (): boolean => true;

/** As a fold reads it. */
const asRead = (changes: readonly AdmittedChange[]) =>
  changes.map(({ change: of, keyHash, recordHash }) => ({
    keyHash,
    recordHash: recordHash ?? new Uint8Array(12),
    bytes: of.op === "put" ? of.bytes : null,
  }));

test("[LOG18] small frames are answered as they came, larger ones and those that were folded are not kept", () => {
  const small = new SmallFrames();
  for (let revision = 1; revision <= 1_000; revision++)
    small.push(revision, frame(revision, revision % 100 === 0 ? 65 : 3));
  for (const revision of [1, 2, 99, 101, 777, 999])
    expect(small.changesOf(revision, all)?.changes).toEqual(asRead(frame(revision)));
  expect([small.changesOf(100, all), small.changesOf(1_001, all)]).toEqual([undefined, undefined]);
  const [first] = frame(7);
  const isFirst = (keyHash: Uint8Array): boolean => Buffer.compare(keyHash, first!.keyHash) === 0;
  expect(small.changesOf(7, isFirst)?.changes).toEqual(asRead(frame(7, 1)));
  const before = small.bytes;
  small.forgetTo(900);
  expect(small.bytes).toBeLessThan(before / 4);
  expect(small.changesOf(700, all)?.changes).toBeUndefined();
  expect(small.changesOf(901, all)?.changes).toEqual(asRead(frame(901)));
});

test("[LOG18] they need 13 MB at most: the oldest are forgotten", () => {
  const small = new SmallFrames();
  for (let revision = 1; revision <= 5_000; revision++) small.push(revision, frame(revision, 30));
  expect(small.bytes).toBeGreaterThan(12e6);
  expect(small.bytes).toBeLessThan(13e6);
  expect(small.changesOf(1, all)?.changes).toBeUndefined();
  expect(small.changesOf(5_000, all)?.changes).toEqual(asRead(frame(5_000, 30)));
});
