/**
 * Frames between relays of one cluster: `[length, 32 bits][bytes]`, inside TLS. Pure: bytes in,
 * bytes out. A stream that is whole says so by its last message. [PEE10]
 */

/** Positions of 1,000 remotes have a fifth of it. */
export const MAX_FRAME_BYTES = 1024 * 1024;
export const LENGTH_BYTES = 4;

/** What is wrong with the other side, for the log. */
export class PeerError extends Error {}

export function frameOf(bytes: Uint8Array, max = MAX_FRAME_BYTES): Buffer {
  if (bytes.length > max) throw new Error(`BUG: a frame of ${bytes.length} bytes`);
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/**
 * How much follows a length.
 * @throws PeerError for more than `max`, before any of it is read.
 */
export function bodyBytes(length: Buffer, max = MAX_FRAME_BYTES): number {
  const bytes = length.readUInt32BE();
  if (bytes > max) throw new PeerError(`a frame of ${bytes} bytes`);
  return bytes;
}
