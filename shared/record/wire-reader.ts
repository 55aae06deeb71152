/**
 * Reads a record value by value, straight from its bytes, and takes only what `pack` writes: of
 * each value the shortest form. So what has been read to the end is canonical msgpack, and no list
 * of values is made on the way, which was most of what a change costs. [REC4]
 *
 * Records are made of lists, text, byte strings, whole numbers below 65,536 and nil. A method that
 * is asked for another kind of value than is there answers -1 or false, and the field says what it
 * must be.
 */

/** A fault of a field: an expected outcome of decoding, caught there. */
export class FieldError extends Error {
  /** Known to whoever decodes the whole record. */
  field = "record";
}

const NOT_CANONICAL = "must be in canonical encoding";
const NIL = 0xc0;
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
/** Text up to this long is made here: a call of the runtime's decoder costs more. */
const SHORT_TEXT = 48;
/** By length: the codes of a short text on their way into a string. */
const CODES = Array.from({ length: SHORT_TEXT + 1 }, (_, length) =>
  Array.from({ length }, () => 0),
);

export class WireReader {
  readonly bytes: Uint8Array;
  /** Of the next value; behind `text` and `byteString`, of their first byte. */
  at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.at === this.bytes.length;
  }

  /** Takes a nil, if it is one. */
  nil(): boolean {
    if (this.bytes[this.at] !== NIL) return false;
    this.at++;
    return true;
  }

  /** A whole number from 0 to 65,535. */
  uint(): number {
    const head = this.#head();
    if (head < 0x80) return head;
    if (head === 0xcc) return this.#size(1, 0x80);
    return head === 0xcd ? this.#size(2, 0x1_00) : -1;
  }

  /** The number of values that follow. */
  list(): number {
    const head = this.#head();
    if (head >= 0x90 && head <= 0x9f) return head - 0x90;
    return head === 0xdc ? this.#size(2, 0x10) : -1;
  }

  /** The length of a byte string, whose first byte is at `at` now: take it with `takeBytes`. */
  byteString(): number {
    const head = this.#head();
    if (head === 0xc4) return this.#fits(this.#size(1, 0));
    return head === 0xc5 ? this.#fits(this.#size(2, 0x1_00)) : -1;
  }

  /**
   * The length of a text, in bytes, whose first byte is at `at` now: take it with `takeText`, or
   * `skip` it.
   */
  text(): number {
    const head = this.#head();
    if (head >= 0xa0 && head <= 0xbf) return this.#fits(head - 0xa0);
    if (head === 0xd9) return this.#fits(this.#size(1, 0x20));
    return head === 0xda ? this.#fits(this.#size(2, 0x1_00)) : -1;
  }

  skip(length: number): void {
    this.at += length;
  }

  /** A view. */
  takeBytes(length: number): Uint8Array {
    const from = this.at;
    this.at += length;
    return this.bytes.subarray(from, this.at);
  }

  /** @throws FieldError unless it is UTF-8. */
  takeText(length: number): string {
    const from = this.at;
    this.at += length;
    if (length > SHORT_TEXT) return this.#decode(from, length);
    const codes = CODES[length] as number[];
    for (let i = 0; i < length; i++) {
      const byte = this.bytes[from + i] as number;
      if (byte >= 0x80) return this.#decode(from, length);
      codes[i] = byte;
    }
    return String.fromCharCode.apply(null, codes);
  }

  #decode(from: number, length: number): string {
    try {
      return utf8.decode(this.bytes.subarray(from, from + length));
    } catch {
      throw new FieldError("must be UTF-8");
    }
  }

  #head(): number {
    const head = this.bytes[this.at++];
    if (head === undefined) throw new FieldError("is missing: the record ends before it");
    return head;
  }

  /** A big-endian number behind a head. @param least What has no shorter form. */
  #size(width: 1 | 2, least: number): number {
    const { bytes, at } = this;
    this.at += width;
    if (this.at > bytes.length) throw new FieldError("is cut off");
    const first = bytes[at] as number;
    const size = width === 1 ? first : (first << 8) | (bytes[at + 1] as number);
    if (size < least) throw new FieldError(NOT_CANONICAL);
    return size;
  }

  #fits(length: number): number {
    if (this.at + length > this.bytes.length) throw new FieldError("is cut off");
    return length;
  }
}
