/**
 * How many values msgpack bytes hold, read from their heads and without making any: a megabyte can
 * be a million empty lists, which take 130 ns each to unpack and 2 to step over. Values are counted
 * as they stand one after the other, whatever list they are in.
 */

/**
 * Bytes after the head that one value of each kind has, besides the values inside of it;
 * `undefined`: a length follows.
 */
function fixedBytes(head: number): number | undefined {
  if (head < 0xa0 || head >= 0xe0) return 0;
  if (head < 0xc0) return head & 0x1f;
  const fixed = FIXED[head - 0xc0];
  return fixed === FOLLOWS ? undefined : fixed;
}

const FOLLOWS = 255;

/**
 * Of heads from 0xc0 on: nil, one that is never used, booleans, binaries, extensions, numbers,
 * fixed extensions, texts, lists, maps.
 */
const FIXED: readonly number[] = [
  0, 255, 0, 0, 255, 255, 255, 255, 255, 255, 4, 8, 1, 2, 4, 8, 1, 2, 4, 8, 2, 3, 5, 9, 17, 255,
  255, 255, 2, 4, 2, 4,
];

/** Of those whose length follows: how many bytes it has. */
const LENGTH_BYTES: Readonly<Record<number, 1 | 2 | 4>> = {
  0xc4: 1,
  0xc5: 2,
  0xc6: 4,
  0xc7: 1,
  0xc8: 2,
  0xc9: 4,
  0xd9: 1,
  0xda: 2,
  0xdb: 4,
};

/**
 * Stops counting at `most + 1`. Bytes that are no msgpack, and lists that claim to be longer than
 * `most`, count as more than any bound.
 */
export function countValues(bytes: Uint8Array, most: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let [at, count] = [0, 0];
  while (at < bytes.length && count <= most) {
    const head = bytes[at] ?? 0;
    const fixed = fixedBytes(head);
    const lengthBytes = fixed === undefined ? LENGTH_BYTES[head] : 0;
    if (lengthBytes === undefined || at + 1 + lengthBytes > bytes.length) return Infinity;
    if (claimOf(view, at, head) > most) return Infinity;
    at += 1 + lengthBytes + (fixed ?? lengthAt(view, at + 1, lengthBytes) + extraBytes(head));
    count++;
  }
  return at > bytes.length && count <= most ? Infinity : count;
}

/**
 * Items that a list or map says it has: to unpack it makes room for all of them, before it looks
 * for any.
 */
function claimOf(view: DataView, at: number, head: number): number {
  if (head < 0xdc || head > 0xdf) return 0;
  const size = head % 2 === 0 ? 2 : 4;
  return at + 1 + size > view.byteLength ? Infinity : lengthAt(view, at + 1, size);
}

function lengthAt(view: DataView, at: number, bytes: number): number {
  if (bytes === 1) return view.getUint8(at);
  return bytes === 2 ? view.getUint16(at) : view.getUint32(at);
}

/** Extensions have a byte for their type. */
function extraBytes(head: number): number {
  return head >= 0xc7 && head <= 0xc9 ? 1 : 0;
}
