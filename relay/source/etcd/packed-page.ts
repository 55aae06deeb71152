/**
 * Converted values as bytes, which go from thread to thread without a copy. A record is decoded
 * again where it is unpacked: that is cheaper than to clone it, and its texts are those that other
 * records have.
 */
import { decodeRecord, HASH_BYTES } from "../../../shared/record/encoding.ts";
import type { EncodedRecord } from "../../../shared/record/encoding.ts";
import type { ConvertedValue } from "./converted-value.ts";

/** Each in a buffer of its own. */
export interface PackedPage {
  /** Of each value: length of its record (0: none), id, key, problems. */
  readonly texts: Uint8Array<ArrayBuffer>;
  /** Of each record: both hashes, then its bytes. Held as long as one of the records is. */
  readonly records: Uint8Array<ArrayBuffer>;
}

const FIRST_BYTES = 1024 * 1024;
const LENGTH_BYTES = 4;
/** UTF-8 of one of UTF-16's units. */
const MOST_UTF8 = 3;

export function packPage(values: Iterable<ConvertedValue>): PackedPage {
  const [texts, records] = [new Writer(), new Writer()];
  for (const { id, encoded, problems } of values) {
    texts.number(encoded?.bytes.length ?? 0);
    texts.text(id);
    if (encoded !== null) {
      texts.text(encoded.key);
      records.bytes(encoded.keyHash);
      records.bytes(encoded.recordHash);
      records.bytes(encoded.bytes);
    }
    texts.number(problems.length);
    for (const problem of problems) texts.text(problem);
  }
  return { texts: texts.done(), records: records.done() };
}

/** Each when it is asked for. */
export function* unpackPage({ texts, records }: PackedPage): Generator<ConvertedValue> {
  const reader = new Reader(texts);
  let at = 0;
  while (!reader.isAtEnd) {
    const length = reader.number();
    const id = reader.text();
    let encoded: EncodedRecord | null = null;
    if (length > 0) {
      encoded = recordAt(records, at, length, reader.text());
      at += 2 * HASH_BYTES + length;
    }
    const problems: string[] = [];
    for (let left = reader.number(); left > 0; left--) problems.push(reader.text());
    yield { id, encoded, problems };
  }
}

function recordAt(records: Uint8Array, at: number, length: number, key: string): EncodedRecord {
  const [recordHashAt, bytesAt] = [at + HASH_BYTES, at + 2 * HASH_BYTES];
  const bytes = records.subarray(bytesAt, bytesAt + length);
  const decoded = decodeRecord(bytes);
  if (!decoded.ok) throw new Error(`BUG: ${key} was packed unreadable: ${decoded.error.rule}`);
  return {
    op: "put",
    record: decoded.record,
    key,
    keyHash: records.subarray(at, recordHashAt),
    bytes,
    recordHash: records.subarray(recordHashAt, bytesAt),
  };
}

class Writer {
  #bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #at = 0;

  number(value: number): void {
    this.#reserve(LENGTH_BYTES);
    this.#at = this.#bytes.writeUInt32LE(value, this.#at);
  }

  text(text: string): void {
    this.#reserve(LENGTH_BYTES + MOST_UTF8 * text.length);
    const length = this.#bytes.write(text, this.#at + LENGTH_BYTES);
    this.#bytes.writeUInt32LE(length, this.#at);
    this.#at += LENGTH_BYTES + length;
  }

  bytes(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  /** In a buffer of its own. */
  done(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#bytes.subarray(0, this.#at));
  }

  #reserve(length: number): void {
    if (this.#at + length <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(2 * (this.#at + length));
    this.#bytes.copy(grown, 0, 0, this.#at);
    this.#bytes = grown;
  }
}

class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor({ buffer, byteOffset, length }: Uint8Array<ArrayBuffer>) {
    this.#bytes = Buffer.from(buffer, byteOffset, length);
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  number(): number {
    const value = this.#bytes.readUInt32LE(this.#at);
    this.#at += LENGTH_BYTES;
    return value;
  }

  text(): string {
    const length = this.number();
    this.#at += length;
    return this.#bytes.toString("utf8", this.#at - length, this.#at);
  }
}
