/** What `test/hostile` sends: every message of the protocol, and each a sound one. */
import { expect, test } from "vitest";

import { decodeMessage, encodeMessage, messageTypeOf } from "../../../shared/protocol/codec.ts";
import { NUMBERS } from "../../../shared/protocol/message-layouts.ts";
import { Random } from "../../fuzz/random.ts";
import { mutate } from "../../hostile/mutate.ts";
import { sample, TYPES } from "../../hostile/samples.ts";

const random = new Random(20);

test("[LOG70] the fuzz of the raw protocol knows every message that the protocol has", () => {
  expect(TYPES.toSorted()).toEqual(NUMBERS.toSorted());
});

test.each(NUMBERS)("[LOG70] a sample of `%s` is sound, whatever it draws", (type) => {
  for (let n = 0; n < 50; n++) {
    const decoded = decodeMessage(encodeMessage(sample(type, random)));
    expect(decoded).toMatchObject({ ok: true, message: { type } });
  }
});

test("[LOG70] mutated, each type is told as itself, as every other, and as none", () => {
  const seen = new Set<string>();
  for (let n = 0; n < 4_000; n++) {
    const from = random.pick(NUMBERS);
    const bytes = mutate(encodeMessage(sample(from, random)), random);
    seen.add(String(messageTypeOf(bytes)));
    // Total: it answers.
    expect(typeof decodeMessage(bytes).ok).toBe("boolean");
  }
  for (const type of [...NUMBERS, "null"]) expect(seen).toContain(type);
});
