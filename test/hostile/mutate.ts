/** Bytes that were a message: bits, lengths, ends and types are other than they were. */
import { pack, unpack } from "../../shared/lib/msgpack.ts";
import { NUMBERS } from "../../shared/protocol/message-layouts.ts";
import type { Random } from "../fuzz/random.ts";

/** Heads of msgpack that promise more than follows, or something else. */
const HEADS = [0xc1, 0xc4, 0xc6, 0xc9, 0xdb, 0xdd, 0xdf, 0xcb, 0x80, 0x90, 0xff] as const;
const VALUES = [null, true, -1, 0, 2 ** 53, Number.NaN, "", "x", [], {}, [[[[]]]], new Date(0)];

export function mutate(message: Uint8Array, random: Random): Uint8Array {
  switch (random.below(7)) {
    case 0:
      return flipBits(message, random);
    case 1:
      return message.slice(0, random.below(message.length));
    case 2:
      return Uint8Array.from([...message, ...random.list(20, () => random.below(256))]);
    case 3:
      return withByte(message, random.below(message.length), random.pick(HEADS));
    // The number of another type before these fields.
    case 4:
      return withByte(message, 1, random.below(NUMBERS.length + 1));
    case 5:
      return otherField(message, random);
    default:
      return Uint8Array.from({ length: random.below(600) }, () => random.below(256));
  }
}

function flipBits(message: Uint8Array, random: Random): Uint8Array {
  const flipped = message.slice();
  for (let n = random.below(4); n >= 0; n--) {
    const at = random.below(flipped.length);
    flipped[at] = (flipped[at] ?? 0) ^ (1 << random.below(8));
  }
  return flipped;
}

function withByte(message: Uint8Array, at: number, value: number): Uint8Array {
  const changed = message.slice();
  changed[at] = value;
  return changed;
}

function otherField(message: Uint8Array, random: Random): Uint8Array {
  const unpacked = unpack(message);
  if (!unpacked.ok || !Array.isArray(unpacked.value)) return message;
  const fields: unknown[] = [...unpacked.value];
  fields[random.below(fields.length)] = random.pick(VALUES);
  return pack(fields);
}
