/**
 * As much of protobuf's encoding as etcd's few messages need: varints, texts and bytes, nested
 * messages. Unknown fields are passed over. (protobuf.dev, "Encoding", read 2026-11.)
 */
import { fromUtf8, toUtf8 } from "./text.ts";

const VARINT = 0;
const FIXED64 = 1;
const LENGTH = 2;
const FIXED32 = 5;

export class MessageWriter {
  readonly #bytes: number[] = [];

  /** A number, or a flag as 1. Zero is the default and is left out. */
  number(field: number, value: number): this {
    if (value === 0) return this;
    this.#varint(field * 8 + VARINT);
    this.#varint(value);
    return this;
  }

  text(field: number, value: string): this {
    return this.bytes(field, toUtf8(value));
  }

  bytes(field: number, value: Uint8Array): this {
    if (value.length === 0) return this;
    this.#varint(field * 8 + LENGTH);
    this.#varint(value.length);
    for (const byte of value) this.#bytes.push(byte);
    return this;
  }

  /** Also where it is empty: that it is there says which one is meant. */
  message(field: number, value: MessageWriter): this {
    const inner = value.done();
    this.#varint(field * 8 + LENGTH);
    this.#varint(inner.length);
    for (const byte of inner) this.#bytes.push(byte);
    return this;
  }

  done(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }

  #varint(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes.push((rest % 0x80) + 0x80);
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes.push(rest);
  }
}

export class MalformedMessage extends Error {}

/** Reads field after field: `next` answers its number, then its reader is called. */
export class MessageReader {
  readonly #bytes: Uint8Array;
  #at = 0;
  #kind = VARINT;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** 0: the message is over. @throws MalformedMessage, as all readers do. */
  next(): number {
    if (this.#at >= this.#bytes.length) return 0;
    const tag = this.#varint();
    this.#kind = tag % 8;
    return Math.floor(tag / 8);
  }

  /** Whole numbers past 2^53 are none that etcd counts to: what has them is refused. */
  number(): number {
    if (this.#kind !== VARINT) throw new MalformedMessage("a number has another type");
    return this.#varint();
  }

  /** A number of which only small ones mean something: `null` for -1 and whatever is as large. */
  id(): number | null {
    let [value, scale] = [0, 1];
    for (let byte = this.#byte(); ; byte = this.#byte()) {
      value += (byte & 0x7f) * scale;
      scale *= 0x80;
      if (byte < 0x80) return Number.isSafeInteger(value) ? value : null;
    }
  }

  flag(): boolean {
    return this.number() !== 0;
  }

  bytes(): Uint8Array {
    if (this.#kind !== LENGTH) throw new MalformedMessage("a text has another type");
    return this.#take(this.#varint());
  }

  text(): string {
    return fromUtf8(this.bytes());
  }

  skip(): void {
    switch (this.#kind) {
      case VARINT:
        this.#skipVarint();
        return;
      case FIXED64:
        this.#take(8);
        return;
      case LENGTH:
        this.#take(this.#varint());
        return;
      case FIXED32:
        this.#take(4);
        return;
      default:
        throw new MalformedMessage(`type ${this.#kind} is unknown`);
    }
  }

  #take(length: number): Uint8Array {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new MalformedMessage("a field is cut off");
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }

  #varint(): number {
    const first = this.#byte();
    if (first < 0x80) return first;
    let [value, scale] = [first & 0x7f, 0x80];
    for (;;) {
      const byte = this.#byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) break;
      scale *= 0x80;
    }
    if (!Number.isSafeInteger(value)) throw new MalformedMessage("a number is too large");
    return value;
  }

  /** Ids of members and clusters have 64 bits, and nobody asks for them. */
  #skipVarint(): void {
    let byte = this.#byte();
    while (byte >= 0x80) byte = this.#byte();
  }

  #byte(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw new MalformedMessage("a number is cut off");
    return byte;
  }
}
