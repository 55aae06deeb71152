/**
 * Snappy's framing format (google/snappy framing_format.txt), which Go's snappy.Writer and Reader
 * speak: chunks that each stand for themselves, so that chunks made once can be sent in many
 * streams. The raw format inside is snappyjs's. [TYP15]
 */
import { compress, uncompress } from "snappyjs";

import { errorText } from "../../../../shared/lib/error-text.ts";
import { GobError } from "../gob/bytes.ts";
import { maskedCrc32c } from "./crc32c.ts";

/** Begins every stream. */
export const STREAM_IDENTIFIER = Buffer.from("ff060000734e61507059", "hex");
/** Uncompressed bytes of a chunk. */
const MAX_CHUNK = 65_536;
const CHUNK_HEADER = 4;
const CRC_BYTES = 4;
/** No compressed chunk of 64 KiB is longer. */
const MAX_FRAMED = CRC_BYTES + 32 + MAX_CHUNK + Math.ceil(MAX_CHUNK / 6);
const TYPE = { compressed: 0, uncompressed: 1, firstSkippable: 0x80, identifier: 0xff } as const;

/**
 * Bytes as chunks, without the stream identifier. A chunk that would not get an eighth smaller is
 * left as it is, as Go does.
 */
export function frame(bytes: Uint8Array): Buffer {
  const parts: Uint8Array[] = [];
  for (let from = 0; from < bytes.length; from += MAX_CHUNK) {
    const plain = bytes.subarray(from, from + MAX_CHUNK);
    // A plain Uint8Array, for which snappyjs answers a copy of the right size and not a view of a
    // larger one.
    const smaller = compress(new Uint8Array(plain));
    const isSmaller = smaller.length < plain.length - plain.length / 8;
    const body = isSmaller ? smaller : plain;
    const header = Buffer.alloc(CHUNK_HEADER + CRC_BYTES);
    header[0] = isSmaller ? TYPE.compressed : TYPE.uncompressed;
    header.writeUIntLE(CRC_BYTES + body.length, 1, 3);
    header.writeUInt32LE(maskedCrc32c(plain), CHUNK_HEADER);
    parts.push(header, body);
  }
  return Buffer.concat(parts);
}

/** Takes a framed stream apart, in pieces of any size. */
export class Unframer {
  #held: Uint8Array = new Uint8Array();

  /** @returns What is complete now. @throws GobError for what the format forbids. */
  feed(bytes: Uint8Array): Uint8Array[] {
    this.#held = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes]);
    const found: Uint8Array[] = [];
    for (;;) {
      const held = this.#held;
      if (held.length < CHUNK_HEADER) return found;
      const length = (held[1] ?? 0) | ((held[2] ?? 0) << 8) | ((held[3] ?? 0) << 16);
      if (length > MAX_FRAMED && (held[0] ?? 0) < TYPE.firstSkippable)
        throw new GobError(`snappy: chunk of ${length} bytes`);
      if (held.length < CHUNK_HEADER + length) return found;
      const plain = unframed(held[0] ?? 0, held.subarray(CHUNK_HEADER, CHUNK_HEADER + length));
      if (plain !== null) found.push(plain);
      this.#held = held.subarray(CHUNK_HEADER + length);
    }
  }
}

function unframed(type: number, body: Uint8Array): Uint8Array | null {
  if (type === TYPE.identifier || type >= TYPE.firstSkippable) return null;
  if (type !== TYPE.compressed && type !== TYPE.uncompressed)
    throw new GobError(`snappy: chunk of unknown type ${type}`);
  if (body.length < CRC_BYTES) throw new GobError("snappy: chunk is cut off");
  const rest = body.subarray(CRC_BYTES);
  const plain = type === TYPE.compressed ? uncompressed(rest) : rest;
  const crc = new DataView(body.buffer, body.byteOffset, CRC_BYTES).getUint32(0, true);
  if (plain.length > MAX_CHUNK || maskedCrc32c(plain) !== crc)
    throw new GobError("snappy: chunk has another checksum than it says");
  return plain;
}

function uncompressed(bytes: Uint8Array): Uint8Array {
  try {
    return uncompress(new Uint8Array(bytes), MAX_CHUNK);
  } catch (error) {
    throw new GobError(`snappy: ${errorText(error)}`, { cause: error });
  }
}
