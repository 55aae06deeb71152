import { expect, test } from "vitest";

import { madeUpEndpoint } from "../../../cli/mock/made-up.ts";
import { MadeUpState } from "../../../cli/mock/made-up-state.ts";
import { LocalState } from "../../../relay/publish/local-state.ts";
import { keyHashOf } from "../../../shared/record/encoding.ts";
import { putOf } from "../../support/records.ts";

test("[CLI30] a made-up cluster has what a source with the same endpoints has, though it keeps none of them", () => {
  const [madeUp, kept] = [new MadeUpState(7, 300), new LocalState()];
  expect(madeUp.get(keyHashOf(madeUpEndpoint(7, 0, "0")))).toBeUndefined();
  madeUp.fill();
  for (let n = 0; n < 300; n++) kept.applyChange(putOf(madeUpEndpoint(7, n, "0")));
  const hasAll = (changed: (n: number) => string): void => {
    expect(madeUp.trie("identity").digest()).toEqual(kept.trie("identity").digest());
    for (let n = 0; n < 300; n++) {
      const keyHash = keyHashOf(madeUpEndpoint(7, n, changed(n)));
      expect(madeUp.get(keyHash)?.bytes).toEqual(kept.get(keyHash)?.bytes);
    }
  };
  hasAll(() => "0");
  for (let n = 0; n < 300; n += 7) {
    const change = madeUp.change(n, 1_795_000_000_000.123 + n);
    expect(madeUp.applyChange(change)).toEqual(kept.applyChange(change));
  }
  hasAll((n) => (n % 7 === 0 ? (1_795_000_000_000.123 + n).toFixed(3) : "0"));
});
