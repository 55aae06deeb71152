/**
 * Hashes of values: what differs in anything is told apart, wherever in the value, whatever its
 * length.
 */
import { randomBytes, randomInt } from "node:crypto";

import { expect, test } from "vitest";

import { ByteHash, viewOf } from "../../../relay/typha/wire/byte-hash.ts";

const hash = new ByteHash();

function hashOf(bytes: Uint8Array, from = 0, to = bytes.length): string {
  hash.over(viewOf(bytes), from, to);
  return `${hash.first} ${hash.second}`;
}

test("[TYP13] one bit that changes changes the hash, at every place of values of every length", () => {
  for (let length = 1; length <= 200; length++) {
    const bytes = randomBytes(length);
    const before = hashOf(bytes);
    const seen = new Set([before]);
    for (let bit = 0; bit < length * 8; bit++) {
      const changed = Buffer.from(bytes);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      seen.add(hashOf(changed));
    }
    expect(seen.size).toBe(length * 8 + 1);
  }
});

test("[TYP13] it is of the bytes alone: not of their place, and of their number too", () => {
  for (let round = 0; round < 500; round++) {
    const bytes = randomBytes(randomInt(1, 300));
    const offset = randomInt(0, 40);
    const elsewhere = Buffer.concat([randomBytes(offset), bytes, randomBytes(9)]);
    expect(hashOf(elsewhere, offset, offset + bytes.length)).toBe(hashOf(bytes));
    const longer = Buffer.concat([bytes, Buffer.alloc(1)]);
    expect(hashOf(longer)).not.toBe(hashOf(bytes));
  }
  const zeros = new Set(Array.from({ length: 300 }, (_, n) => hashOf(Buffer.alloc(n))));
  expect(zeros.size).toBe(300);
});

test("[TYP13] words that are exchanged, or changed two at a time, are seen", () => {
  const seen = new Set<string>();
  let count = 0;
  for (let round = 0; round < 20_000; round++) {
    const bytes = Buffer.alloc(256, 0x61);
    // Two words of one lane, by the same bit: what would cancel out where a lane only multiplied.
    const bit = randomInt(0, 32);
    const first = randomInt(0, 4);
    const [a, b] = [first * 4, (first + 8 * randomInt(1, 4)) * 4];
    for (const at of [a, b]) bytes.writeInt32LE(bytes.readInt32LE(at) ^ (1 << bit), at);
    bytes.writeInt32LE(round, 252);
    seen.add(hashOf(bytes));
    count++;
  }
  expect(seen.size).toBe(count);
});
