/**
 * Hashes of byte ranges, two lanes of 32 bits, four bytes a step: local values are remembered by nothing else, so that what changed while Typha was away
 * can be told from what did not. Seeded anew in each process: nobody can choose values that look alike.
 */
import { randomBytes } from "node:crypto";

const SEED = randomBytes(8);
const SEED_1 = SEED.readInt32LE(0);
const SEED_2 = SEED.readInt32LE(4);

export class ByteHash {
  /** Lanes of the last range, as unsigned 32-bit numbers. */
  first = 0;
  second = 0;

  over(view: DataView, from: number, to: number): void {
    let first = SEED_1;
    let second = SEED_2 ^ (to - from);
    let at = from;
    for (; at + 4 <= to; at += 4) {
      const word = view.getInt32(at, true);
      first = Math.imul(first ^ word, 0x9e37_79b1);
      first ^= first >>> 15;
      second = Math.imul((second + word) | 0, 0x85eb_ca6b);
      second = (second << 13) | (second >>> 19);
    }
    for (; at < to; at++) {
      const byte = view.getUint8(at);
      first = Math.imul(first ^ byte, 0x9e37_79b1);
      first ^= first >>> 15;
      second = Math.imul((second + byte) | 0, 0x85eb_ca6b);
      second = (second << 13) | (second >>> 19);
    }
    this.first = avalanche(first ^ second);
    this.second = avalanche(second + Math.imul(first, 0xc2b2_ae35));
  }
}

function avalanche(value: number): number {
  let mixed = value;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85eb_ca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2_ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
