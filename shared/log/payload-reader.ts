/**
 * Reads a payload's list of changes from its msgpack bytes: a binary is a put, `[binary, 0 or 1]` a
 * delete, and nothing else is anything. A length is read before its value, so that a peer's
 * claim costs no more than the bytes that it has sent. [PRO4]
 */
import { HASH_BYTES } from "../record/encoding.ts";
import type { DeleteCause } from "../record/record.ts";

export type LogChange =
  | { readonly op: "put"; readonly bytes: Uint8Array }
  | { readonly op: "delete"; readonly keyHash: Uint8Array; readonly cause: DeleteCause };

export type ReadChanges =
  | { readonly ok: true; readonly changes: readonly LogChange[] }
  | { readonly ok: false; readonly rule: string };

const CHANGE_RULE = "a change must be record bytes, or [key hash, cause]";
/** Head of a list of two. */
const PAIR = 0x92;

/** @param most Changes; with more of them nothing is read. Records are views of the bytes. */
export function readChanges(bytes: Uint8Array, most: number): ReadChanges {
  const reader = new Reader(bytes);
  const count = reader.listLength();
  if (count === null) return { ok: false, rule: "payload must be a list of changes" };
  if (count > most)
    return { ok: false, rule: `payload has ${count} changes, the limit is ${most}` };
  const changes: LogChange[] = [];
  for (let i = 0; i < count; i++) {
    const change = readChange(reader);
    if (change === null) return { ok: false, rule: CHANGE_RULE };
    changes.push(change);
  }
  return reader.isAtEnd ? { ok: true, changes } : { ok: false, rule: CHANGE_RULE };
}

function readChange(reader: Reader): LogChange | null {
  if (!reader.skip(PAIR)) {
    const bytes = reader.binary();
    return bytes === null ? null : { op: "put", bytes };
  }
  const keyHash = reader.binary();
  if (keyHash?.length !== HASH_BYTES) return null;
  if (reader.skip(0)) return { op: "delete", keyHash, cause: "observed" };
  return reader.skip(1) ? { op: "delete", keyHash, cause: "inferred" } : null;
}

class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  skip(byte: number): boolean {
    if (this.#bytes[this.#at] !== byte) return false;
    this.#at++;
    return true;
  }

  listLength(): number | null {
    const head = this.#bytes[this.#at];
    if (head !== undefined && (head & 0xf0) === 0x90) {
      this.#at++;
      return head & 0x0f;
    }
    return this.#length(head, [null, 0xdc, 0xdd]);
  }

  binary(): Uint8Array | null {
    const length = this.#length(this.#bytes[this.#at], [0xc4, 0xc5, 0xc6]);
    if (length === null || this.#at + length > this.#bytes.length) return null;
    const from = this.#at;
    this.#at += length;
    return this.#bytes.subarray(from, this.#at);
  }

  /** @param heads Of lengths in one, two and four bytes. */
  #length(head: number | undefined, heads: readonly (number | null)[]): number | null {
    const index = head === undefined ? -1 : heads.indexOf(head);
    const size = [1, 2, 4][index];
    if (size === undefined || this.#at + 1 + size > this.#bytes.length) return null;
    const at = this.#at + 1;
    this.#at = at + size;
    if (size === 1) return this.#view.getUint8(at);
    return size === 2 ? this.#view.getUint16(at) : this.#view.getUint32(at);
  }
}
