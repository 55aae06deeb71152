/**
 * Hashes of byte ranges: local values are remembered by nothing else, so that what changed while
 * Typha was away can be told from what did not. Four lanes of 32 bits that each take every fourth
 * word, mixed at the end: a change of one word always changes its lane. Seeded anew in each
 * process, so that no two values look alike everywhere. It is no MAC: who sets out to find two that
 * do has some chance, and wins that his own update waits for the next, if Typha was away just then.
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
    for (const last = to - 16; at <= last; at += 16) {
      a = lane(a, view.getInt32(at, true));
      b = lane(b, view.getInt32(at + 4, true));
      c = lane(c, view.getInt32(at + 8, true));
      d = lane(d, view.getInt32(at + 12, true));
    }
    // What is left, each word in a lane of its own too: one after the other would take longer than
    // all the rounds before.
    const words = to - 4;
    if (at <= words) a = lane(a, view.getInt32(at, true));
    if ((at += 4) <= words) b = lane(b, view.getInt32(at, true));
    if ((at += 4) <= words) c = lane(c, view.getInt32(at, true));
    const rest = (to - from) & 3;
    if (rest > 0) d = lane(d, lastBytes(view, from, to, rest));
    this.first = avalanche(avalanche(a) + Math.imul(b, PRIME_1) + avalanche(c ^ PRIME_2) + d);
    this.second = avalanche(avalanche(b ^ PRIME_3) + Math.imul(a, PRIME_2) + avalanche(d) + c);
  }
}

/** The last one to three bytes as a number. */
function lastBytes(view: DataView, from: number, to: number, count: number): number {
  if (to - from >= 4) return view.getInt32(to - 4, true) >>> (32 - 8 * count);
  let word = 0;
  for (let at = from; at < to; at++) word = (word << 8) | view.getUint8(at);
  return word;
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
