/**
 * Changes as bytes, in large pieces: an object for each would be millions in a large hub, and the
 * collector stops everybody for them. A change is found by its *place*, a number.
 */
import type { LogChange } from "../../../shared/log/payload.ts";
import { copyHash } from "../../../shared/log/trie-leaf.ts";
import { HASH_BYTES } from "../../../shared/record/encoding.ts";
import { BUDGETS } from "../budgets/limits.ts";

/** `bytes` is `null` for a delete, whose record hash is all zeros. */
export interface PackedChange {
  readonly keyHash: Uint8Array;
  readonly recordHash: Uint8Array;
  readonly bytes: Uint8Array | null;
}

/** Bytes that hold changes. */
export interface Packed {
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

interface Piece extends Packed {
  used: number;
}

/** Distance between the places of two pieces: more than any piece has bytes. */
const SPAN = 2 ** 24;
/** Key hash, record hash, length. */
const HEAD_BYTES = 2 * HASH_BYTES + 4;
const DELETED = 0xff_ff_ff_ff;

export class PackedChanges {
  /** Oldest first. */
  #pieces: Piece[] = [];
  /** Number of pieces that were forgotten. */
  #gone = 0;
  #bytes = 0;

  /** Memory of all pieces. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The piece that the next so many bytes belong to would be a new one. */
  needsPiece(size: number): boolean {
    const newest = this.#pieces.at(-1);
    return newest === undefined || newest.used + size > newest.bytes.length;
  }

  /** A place for so many bytes that lie together. */
  reserve(size: number): number {
    if (this.needsPiece(size)) {
      const usual = this.#pieces.length === 0 ? BUDGETS.firstPieceBytes : BUDGETS.pieceBytes;
      const bytes = new Uint8Array(Math.max(size, usual));
      this.#pieces.push({ bytes, view: new DataView(bytes.buffer), used: 0 });
      this.#bytes += bytes.length;
    }
    const piece = this.#pieces.at(-1) as Piece;
    const place = (this.#gone + this.#pieces.length - 1) * SPAN + piece.used;
    piece.used += size;
    return place;
  }

  /** The piece of a place, with the change at `offsetOf(place)`; `undefined` once forgotten. */
  at(place: number): Packed | undefined {
    return this.#pieces[Math.floor(place / SPAN) - this.#gone];
  }

  /** Forgets the oldest piece. */
  forget(): void {
    this.#bytes -= this.#pieces.shift()?.bytes.length ?? 0;
    this.#gone++;
  }
}

export function offsetOf(place: number): number {
  return place % SPAN;
}

/** Bytes of a packed change. @param recordBytes 0 for a delete. */
export function packedSize(recordBytes: number): number {
  return HEAD_BYTES + recordBytes;
}

/** Answers where it ends. @param recordHash `null` for a delete. */
export function writeChange(
  to: Packed,
  at: number,
  keyHash: Uint8Array,
  recordHash: Uint8Array | null,
  record: Uint8Array | null,
): number {
  copyHash(keyHash, to.bytes, at);
  if (recordHash !== null) copyHash(recordHash, to.bytes, at + HASH_BYTES);
  to.view.setUint32(at + 2 * HASH_BYTES, record === null ? DELETED : record.length);
  if (record !== null) to.bytes.set(record, at + HEAD_BYTES);
  return at + packedSize(record?.length ?? 0);
}

/** Bytes of the record of the change at this offset, 0 for a delete. */
export function recordSizeAt(from: Packed, at: number): number {
  const length = from.view.getUint32(at + 2 * HASH_BYTES);
  return length === DELETED ? 0 : length;
}

export function keyHashAt(from: Packed, at: number): Uint8Array {
  return from.bytes.subarray(at, at + HASH_BYTES);
}

/** The first 32 bits of the key's hash. */
export function prefixAt(from: Packed, at: number): number {
  return from.view.getUint32(at);
}

/** By key, as the hashes sort. */
export function compareKeysAt(a: Packed, aAt: number, b: Packed, bAt: number): number {
  for (let i = 0; i < HASH_BYTES; i += 4) {
    const difference = a.view.getUint32(aAt + i) - b.view.getUint32(bAt + i);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Views of its bytes. */
export function readChange(from: Packed, at: number): PackedChange {
  const isDelete = from.view.getUint32(at + 2 * HASH_BYTES) === DELETED;
  const end = at + packedSize(recordSizeAt(from, at));
  return {
    keyHash: keyHashAt(from, at),
    recordHash: from.bytes.subarray(at + HASH_BYTES, at + 2 * HASH_BYTES),
    bytes: isDelete ? null : from.bytes.subarray(at + HEAD_BYTES, end),
  };
}

export function recordSizeOf(change: LogChange): number {
  return change.op === "put" ? change.bytes.length : 0;
}
