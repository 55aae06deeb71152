/**
 * Hashes of byte ranges: local values are remembered by nothing else, so that what changed while Typha was away can be told from what did not. Four lanes
 * of 32 bits that each take every fourth word, mixed at the end: a change of one word always changes its lane. Seeded anew in each process: nobody can
 * choose values that look alike.
 */
import { randomBytes } from "node:crypto";

const SEED = randomBytes(16);
const SEEDS = [0, 4, 8, 12].map((at) => SEED.readInt32LE(at)) as [number, number, number, number];
const [SEED_A, SEED_B, SEED_C, SEED_D] = SEEDS;
const PRIME_1 = 0x9e37_79b1 | 0;
const PRIME_2 = 0x85eb_ca6b | 0;
const PRIME_3 = 0xc2b2_ae35 | 0;

export class ByteHash {
  /** Two hashes of the last range, as unsigned 32-bit numbers. */
  first = 0;
  second = 0;

  over(view: DataView, from: number, to: number): void {
    let a = SEED_A;
    let b = SEED_B;
    let c = SEED_C;
    let d = SEED_D ^ (to - from);
    let at = from;
    for (; at + 16 <= to; at += 16) {
      a = lane(a, view.getInt32(at, true));
      b = lane(b, view.getInt32(at + 4, true));
      c = lane(c, view.getInt32(at + 8, true));
      d = lane(d, view.getInt32(at + 12, true));
    }
    for (; at + 4 <= to; at += 4) a = lane(a, view.getInt32(at, true));
    for (; at < to; at++) b = lane(b, view.getUint8(at));
    this.first = avalanche(avalanche(a) + Math.imul(b, PRIME_1) + avalanche(c ^ PRIME_2) + d);
    this.second = avalanche(avalanche(b ^ PRIME_3) + Math.imul(a, PRIME_2) + avalanche(d) + c);
  }
}

function lane(state: number, word: number): number {
  const mixed = Math.imul(state ^ word, PRIME_1);
  return mixed ^ (mixed >>> 15);
}

function avalanche(value: number): number {
  let mixed = value;
  mixed = Math.imul(mixed ^ (mixed >>> 16), PRIME_2);
  mixed = Math.imul(mixed ^ (mixed >>> 13), PRIME_3);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
