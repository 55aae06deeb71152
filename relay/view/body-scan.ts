/**
 * The bodies of a view file as they stand one after another, each with its length and CRC-32.
 * [VIE5]
 */
import { readSync } from "node:fs";
import { crc32 } from "node:zlib";

/** Before a body: its length and its CRC-32, 32 bits each. */
export const HEADER_BYTES = 8;
/** No body is larger (8 MiB of records and their headers): a length beyond it is corruption. */
const MAX_BODY_BYTES = 12 * 1024 * 1024;

/** Bodies one after another, read in large pieces. */
export class BodyScan {
  readonly #descriptor: number;
  #buffer = Buffer.allocUnsafe(1024 * 1024);
  #from: number;
  #filled = 0;
  /** After the last intact body. */
  end: number;
  bodyAt = 0;

  constructor(descriptor: number, from: number) {
    this.#descriptor = descriptor;
    this.#from = this.end = from;
  }

  /** Bytes after the last intact body; known once `next` has answered `null`. */
  get restBytes(): number {
    let rest = this.#from + this.#filled - this.end;
    const spare = Buffer.allocUnsafe(64 * 1024);
    for (;;) {
      const got = readSync(this.#descriptor, spare, 0, spare.length, this.end + rest);
      if (got === 0) return rest;
      rest += got;
    }
  }

  next(): Buffer | null {
    if (!this.#has(HEADER_BYTES)) return null;
    const start = this.end - this.#from;
    const length = this.#buffer.readUInt32LE(start);
    if (length > MAX_BODY_BYTES || !this.#has(HEADER_BYTES + length)) return null;
    const at = this.end - this.#from;
    const body = this.#buffer.subarray(at + HEADER_BYTES, at + HEADER_BYTES + length);
    // fault: torn-file-trusted
    if (crc32(body) !== this.#buffer.readUInt32LE(at + 4)) return null;
    this.bodyAt = this.end + HEADER_BYTES;
    this.end += HEADER_BYTES + length;
    return body;
  }

  /** Whether this many bytes follow `end`; brings them into the buffer. */
  #has(bytes: number): boolean {
    const kept = this.#from + this.#filled - this.end;
    if (kept >= bytes) return true;
    const rest = this.#buffer.subarray(this.end - this.#from, this.end - this.#from + kept);
    const buffer =
      bytes > this.#buffer.length
        ? Buffer.allocUnsafe(Math.max(bytes, MAX_BODY_BYTES / 8))
        : this.#buffer;
    buffer.set(rest, 0);
    this.#buffer = buffer;
    this.#from = this.end;
    this.#filled = kept;
    while (this.#filled < bytes) {
      const got = readSync(
        this.#descriptor,
        buffer,
        this.#filled,
        buffer.length - this.#filled,
        this.#from + this.#filled,
      );
      if (got === 0) return false;
      this.#filled += got;
    }
    return true;
  }
}
