/**
 * Writes what `WireReader` reads, of each value the shortest form. A record is a short list of
 * short values: the general packer's setting up and copying cost more than writing it. [REC3]
 */
import { pack } from "../lib/msgpack.ts";

const NIL = 0xc0;
const LONGEST_HEAD = 3;
const FIRST_BYTES = 4_096;
const MOST_KEPT = 256 * 1024;
const utf8 = new TextEncoder();

export class WireWriter {
  #bytes = new Uint8Array(FIRST_BYTES);
  #at = 0;

  /** @returns The first `count` of the values as one list, in bytes of their own. */
  list(values: readonly unknown[], count: number): Uint8Array {
    this.#at = 0;
    this.#list(values, count);
    const packed = this.#bytes.slice(0, this.#at);
    // One that is far too large is not to cost its memory for good.
    if (this.#bytes.length > MOST_KEPT) this.#bytes = new Uint8Array(FIRST_BYTES);
    return packed;
  }

  #value(value: unknown): void {
    if (typeof value === "string") this.#text(value);
    else if (value instanceof Uint8Array) this.#byteString(value);
    else if (isArray(value)) this.#list(value, value.length);
    else if (value === null) this.#byte(NIL);
    else if (isUint16(value)) this.#uint(value);
    // No field takes it: the reader says which one does not.
    else this.#raw(pack(value));
  }

  #list(values: readonly unknown[], count: number): void {
    if (count <= 0xf) this.#byte(0x90 + count);
    else if (count <= 0xff_ff) this.#head16(0xdc, count);
    else return this.#raw(pack(values.slice(0, count)));
    for (let i = 0; i < count; i++) this.#value(values[i]);
  }

  #uint(value: number): void {
    if (value < 0x80) this.#byte(value);
    else if (value <= 0xff) this.#head8(0xcc, value);
    else this.#head16(0xcd, value);
  }

  #text(text: string): void {
    const { length } = text;
    if (length > 0xff_ff) return this.#raw(pack(text));
    this.#reserve(LONGEST_HEAD + length);
    const bytes = this.#bytes;
    const from = this.#at;
    this.#textHead(length);
    let at = this.#at;
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i);
      if (code >= 0x80) {
        this.#at = from;
        return this.#utf8(text);
      }
      bytes[at++] = code;
    }
    this.#at = at;
  }

  #utf8(text: string): void {
    const encoded = utf8.encode(text);
    if (encoded.length > 0xff_ff) return this.#raw(pack(text));
    this.#reserve(LONGEST_HEAD);
    this.#textHead(encoded.length);
    this.#raw(encoded);
  }

  /** There is room for it. */
  #textHead(length: number): void {
    if (length <= 0x1f) this.#bytes[this.#at++] = 0xa0 + length;
    else if (length <= 0xff) this.#head8(0xd9, length);
    else this.#head16(0xda, length);
  }

  #byteString(value: Uint8Array): void {
    if (value.length > 0xff_ff) return this.#raw(pack(value));
    if (value.length <= 0xff) this.#head8(0xc4, value.length);
    else this.#head16(0xc5, value.length);
    this.#raw(value);
  }

  #raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  #byte(byte: number): void {
    this.#reserve(LONGEST_HEAD);
    this.#bytes[this.#at++] = byte;
  }

  #head8(head: number, size: number): void {
    this.#byte(head);
    this.#byte(size);
  }

  #head16(head: number, size: number): void {
    this.#byte(head);
    this.#byte(size >> 8);
    this.#byte(size & 0xff);
  }

  #reserve(length: number): void {
    if (this.#at + length <= this.#bytes.length) return;
    const grown = new Uint8Array(2 * (this.#at + length));
    grown.set(this.#bytes);
    this.#bytes = grown;
  }
}

function isArray(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}

function isUint16(value: unknown): value is number {
  return typeof value === "number" && value >= 0 && value <= 0xff_ff && Number.isInteger(value);
}
