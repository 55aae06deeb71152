/** [LOG18] What small frames have changed, kept for the next fold. */
import { expect, test } from "vitest";

import { encodeRecord, hashRecord, keyHashOf } from "../../../shared/record/encoding.ts";
import type { AdmittedChange } from "../../../worker/origin/log/admitted-change.ts";
import { packedSize, readChange } from "../../../worker/origin/log/packed-changes.ts";
import type { PackedChange } from "../../../worker/origin/log/packed-changes.ts";
import { PieceBudget, SmallFrames } from "../../../worker/origin/log/small-frames.ts";
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

/** As a fold reads it. */
function held(small: SmallFrames, revision: number): PackedChange[] | undefined {
  const kept = small.frame(revision);
  if (kept === undefined) return undefined;
  let { at } = kept;
  return Array.from({ length: kept.count }, () => {
    const change = readChange(kept.from, at);
    at += packedSize(change.bytes?.length ?? 0);
    return change;
  });
}

const packed = (changes: readonly AdmittedChange[]): PackedChange[] =>
  changes.map(({ change: of, keyHash, recordHash }) => ({
    keyHash,
    recordHash: recordHash ?? new Uint8Array(12),
    bytes: of.op === "put" ? of.bytes : null,
  }));

test("[LOG18] small frames are answered as they came, larger ones and those that were folded are not kept", () => {
  const small = new SmallFrames(new PieceBudget());
  for (let revision = 1; revision <= 1_000; revision++)
    small.push(revision, frame(revision, revision % 100 === 0 ? 65 : 3));
  for (const revision of [1, 2, 99, 101, 777, 999])
    expect(held(small, revision)).toEqual(packed(frame(revision)));
  expect([held(small, 100), held(small, 1_001)]).toEqual([undefined, undefined]);
  const before = small.bytes;
  small.forgetTo(900);
  expect(small.bytes).toBeLessThan(before / 4);
  expect(held(small, 700)).toBeUndefined();
  expect(held(small, 901)).toEqual(packed(frame(901)));
});

test("[LOG18] they need 13 MB at most in all logs of an origin: each forgets its own oldest", () => {
  const budget = new PieceBudget();
  const [small, other, late] = [1, 2, 3].map(() => new SmallFrames(budget)) as [
    SmallFrames,
    SmallFrames,
    SmallFrames,
  ];
  const bytes = (): number => small.bytes + other.bytes + late.bytes;
  other.push(1, frame(1, 30));
  for (let revision = 1; revision <= 5_000; revision++) small.push(revision, frame(revision, 30));
  for (let revision = 2; revision <= 2_000; revision++) other.push(revision, frame(revision, 30));
  late.push(1, frame(1, 30));
  expect(bytes()).toBeGreaterThan(12e6);
  expect(bytes()).toBeLessThan(13e6);
  expect(held(small, 1)).toBeUndefined();
  expect(held(small, 5_000)).toEqual(packed(frame(5_000, 30)));
  expect(held(other, 2_000)).toEqual(packed(frame(2_000, 30)));
  expect(held(late, 1)).toBeUndefined();
  small.forgetTo(5_000);
  late.push(2, frame(2, 30));
  expect(held(late, 2)).toEqual(packed(frame(2, 30)));
});
