/**
 * The snappy framing format, read by other code than the relay's: recorded streams, and what the
 * relay writes.
 */
export function unframeSnappy(framed: Uint8Array): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at + 4 <= framed.length;) {
    const type = framed[at];
    const length =
      (framed[at + 1] ?? 0) | ((framed[at + 2] ?? 0) << 8) | ((framed[at + 3] ?? 0) << 16);
    const body = framed.subarray(at + 4, at + 4 + length);
    if (body.length < length) break;
    if (type === 0) parts.push(decompress(body.subarray(4)));
    if (type === 1) parts.push(Buffer.from(body.subarray(4)));
    at += 4 + length;
  }
  return Buffer.concat(parts);
}

/** The complete chunks of a framed stream, their checksums checked, and what is left. */
export function takeSnappy(framed: Uint8Array): { readonly plain: Buffer; readonly rest: Buffer } {
  let end = 0;
  for (let at = 0; at + 4 <= framed.length;) {
    const length =
      (framed[at + 1] ?? 0) | ((framed[at + 2] ?? 0) << 8) | ((framed[at + 3] ?? 0) << 16);
    if (at + 4 + length > framed.length) break;
    if ((framed[at] ?? 0) < 2) {
      const plain = unframeSnappy(framed.subarray(at, at + 4 + length));
      const crc = bitwiseCrc32c(plain);
      const masked = (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
      if (Buffer.from(framed.subarray(at + 4, at + 8)).readUInt32LE() !== masked)
        throw new Error("snappy: wrong checksum");
    }
    at = end = at + 4 + length;
  }
  return {
    plain: unframeSnappy(framed.subarray(0, end)),
    rest: Buffer.from(framed.subarray(end)),
  };
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let crc = n;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc;
});

function bitwiseCrc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (crc >>> 8) ^ (CRC_TABLE[(crc ^ byte) & 0xff] ?? 0);
  return ~crc >>> 0;
}

/** Raw snappy: a length, then literals and copies. */
function decompress(block: Uint8Array): Buffer {
  let at = 0;
  let size = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = block[at++] ?? 0;
    size |= (byte & 0x7f) << shift;
    if (byte < 0x80) break;
  }
  const out = Buffer.alloc(size);
  let to = 0;
  const little = (bytes: number): number => {
    let value = 0;
    for (let i = 0; i < bytes; i++) value |= (block[at++] ?? 0) << (8 * i);
    return value;
  };
  while (at < block.length) {
    const tag = block[at++] ?? 0;
    let length = (tag >> 2) + 1;
    if ((tag & 3) === 0) {
      if (length > 60) length = little(length - 60) + 1;
      out.set(block.subarray(at, at + length), to);
      at += length;
      to += length;
      continue;
    }
    let offset: number;
    if ((tag & 3) === 1) {
      length = ((tag >> 2) & 7) + 4;
      offset = ((tag >> 5) << 8) | little(1);
    } else offset = little((tag & 3) === 2 ? 2 : 4);
    for (let i = 0; i < length; i++, to++) out[to] = out[to - offset] ?? 0;
  }
  return out;
}
