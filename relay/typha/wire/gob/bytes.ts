/**
 * gob's primitives (Go `encoding/gob`, "Encoding details"): unsigned and signed integers, text and
 * bytes, over one buffer.
 */

/** The bytes break gob's rules: the connection cannot go on. */
export class GobError extends Error {}

export class GobReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  byte(): number {
    const value = this.#bytes[this.#at++];
    if (value === undefined) throw new GobError("value is cut off");
    return value;
  }

  /**
   * `< 128` is itself; else one byte `256 − n`, then n big-endian bytes. A number where it is safe,
   * else a bigint.
   */
  uint(): number | bigint {
    const first = this.byte();
    if (first < 128) return first;
    const length = 256 - first;
    if (length > 8) throw new GobError(`integer of ${length} bytes`);
    if (length <= 6) {
      let value = 0;
      for (let i = 0; i < length; i++) value = value * 256 + this.byte();
      return value;
    }
    let value = 0n;
    for (let i = 0; i < length; i++) value = (value << 8n) | BigInt(this.byte());
    return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
  }

  /** A length or count: bounded by what is left, so that no length can make us allocate. */
  length(): number {
    const value = this.uint();
    if (typeof value === "bigint" || value > this.left)
      throw new GobError(`length ${value} exceeds the message`);
    return value;
  }

  int(): number | bigint {
    const value = this.uint();
    if (typeof value === "bigint") return value & 1n ? ~(value >> 1n) : value >> 1n;
    const half = Math.floor(value / 2);
    return value % 2 === 1 ? -half - 1 : half;
  }

  /** A view, not a copy. */
  bytes(): Uint8Array {
    const length = this.length();
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  text(): string {
    const bytes = this.bytes();
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8");
  }
}

export class GobWriter {
  #bytes: Buffer;
  #at = 0;

  constructor(capacity = 256) {
    this.#bytes = Buffer.allocUnsafe(capacity);
  }

  get length(): number {
    return this.#at;
  }

  byte(value: number): this {
    this.#reserve(1);
    this.#bytes[this.#at++] = value;
    return this;
  }

  uint(value: number | bigint): this {
    if (value < 128) return this.byte(Number(value));
    const hex = value.toString(16);
    const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex");
    return this.byte(256 - bytes.length).raw(bytes);
  }

  int(value: number | bigint): this {
    const wide = BigInt(value);
    return this.uint(wide < 0n ? (~wide << 1n) | 1n : wide << 1n);
  }

  raw(bytes: Uint8Array): this {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
    return this;
  }

  bytes(bytes: Uint8Array): this {
    return this.uint(bytes.length).raw(bytes);
  }

  text(text: string): this {
    const length = Buffer.byteLength(text, "utf8");
    this.uint(length);
    this.#reserve(length);
    this.#at += this.#bytes.write(text, this.#at, "utf8");
    return this;
  }

  /** A copy of what was written. */
  finish(): Buffer {
    return Buffer.from(this.#bytes.subarray(0, this.#at));
  }

  #reserve(count: number): void {
    if (this.#at + count <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#at + count));
    this.#bytes.copy(grown, 0, 0, this.#at);
    this.#bytes = grown;
  }
}
