import fc from "fast-check";
import { expect, test } from "vitest";

import { toId } from "../../../shared/lib/bytes.ts";
import { AdmittedBatch } from "../../../worker/origin/log/admitted-batch.ts";
import type { AdmittedChange } from "../../../worker/origin/log/admitted-change.ts";

function changeOf(keyHash: Uint8Array): AdmittedChange {
  return { change: { op: "delete", keyHash, cause: "observed" }, keyHash, recordHash: null };
}

/** Few keys, many of which begin alike. */
const keyHash = fc
  .tuple(fc.nat(2), fc.nat(300))
  .map(([first, last]) => Uint8Array.of(first, 0, 0, 0, 0, 0, 0, 0, 0, 0, last >> 8, last & 255));

test("[LOG1] of each key the newest change, in the order in which the keys came", () => {
  fc.assert(
    fc.property(fc.array(keyHash, { maxLength: 400 }), fc.integer(), (keys, seed) => {
      const appended = new AdmittedBatch(keys.length, seed);
      const model = new Map<string, AdmittedChange>();
      for (const key of keys) {
        const change = changeOf(key);
        expect(appended.get(key)).toBe(model.get(toId(key)));
        appended.set(change);
        model.set(toId(key), change);
        expect(appended.get(key)).toBe(change);
      }
      expect(appended.inOrder()).toEqual([...model.values()]);
    }),
  );
});
