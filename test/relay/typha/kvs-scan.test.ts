/** The scanner that reads key/values without decoding them, against what was encoded. */
import fc from "fast-check";
import { expect, test } from "vitest";

import { encodeKvsValue, encodeUpdate } from "../../../relay/typha/wire/encode.ts";
import { GobError } from "../../../relay/typha/wire/gob/bytes.ts";
import { KvsScanner, UnusualUpdate } from "../../../relay/typha/wire/kvs-scan.ts";
import type { SerializedUpdate } from "../../../relay/typha/wire/messages.ts";

/**
 * Lengths at which a gob integer becomes longer, and what a length's first byte could be taken for.
 */
const length = (max: number): fc.Arbitrary<number> =>
  fc.oneof(
    fc.constantFrom(
      ...[0, 1, 126, 127, 128, 254, 255, 256, 65_535, 65_536].filter((n) => n <= max),
    ),
    fc.nat({ max: Math.min(max, 700) }),
  );
const text = (max: number): fc.Arbitrary<string> => length(max).map((n) => "k".repeat(n));
const update: fc.Arbitrary<SerializedUpdate> = fc.record({
  key: text(65_535),
  value: fc.option(length(70_000).map((n) => new Uint8Array(n).fill(0xfe))),
  revision: text(300),
  v3ResourceVersion: fc.oneof(fc.constant(""), text(200)),
  ttlNs: fc.constantFrom(0, 0, 0, 5, -300),
  updateType: fc.constantFrom(0, 1, 2, 3, 200),
});

function scan(bytes: Uint8Array): unknown[] {
  const scanner = new KvsScanner(bytes, 0);
  const seen: unknown[] = [];
  while (scanner.next()) {
    const { keyStart, keyEnd, valueStart, valueEnd, updateType, start, end } = scanner.update;
    const key = Buffer.from(bytes.subarray(keyStart, keyEnd)).toString();
    const value = Buffer.from(bytes.subarray(valueStart, valueEnd)).toString("latin1");
    seen.push({ key, value, updateType, bytes: end - start });
  }
  return seen;
}

test("[TYP13] elements of every shape and length are read as they were written", () => {
  fc.assert(
    fc.property(fc.array(update, { maxLength: 5 }), (updates) => {
      const elements = updates.map(encodeUpdate);
      const wanted = updates.map(({ key, value, updateType }, n) => ({
        key,
        value: Buffer.from(value ?? []).toString("latin1"),
        updateType,
        bytes: elements[n]?.length,
      }));
      expect(scan(encodeKvsValue(elements))).toEqual(wanted);
    }),
  );
});

test("[TYP3] bytes that end too early are refused at every place, and none behind them is read", () => {
  const elements = [1, 2].map((updateType) =>
    encodeUpdate({
      key: `/calico/v1/netset/n${updateType}`,
      value: new Uint8Array(300).fill(0x61),
      revision: "17",
      v3ResourceVersion: "",
      ttlNs: 0,
      updateType,
    }),
  );
  const whole = encodeKvsValue(elements);
  // The end mark of the message is not the scanner's.
  for (let end = 0; end < whole.length - 1; end++) {
    const cut = new Uint8Array(whole.buffer, whole.byteOffset, end);
    let error: unknown = null;
    try {
      scan(cut);
    } catch (thrown) {
      error = thrown;
    }
    // Cut inside a name it could be another name: then it is decoded, which ends in a `GobError`
    // too.
    const isRefused = error instanceof GobError || error instanceof UnusualUpdate;
    expect(isRefused, `cut at ${end}: ${String(error)}`).toBe(true);
  }
});
