/**
 * What small frames have changed since the last fold, so that it need not read each of them again: to fetch and inflate a row costs 0.1 ms, however few changes it
 * has, and a publisher at work sends 300 a second. Kept as bytes in large pieces, the oldest forgotten first: an object for each change would be millions in a
 * large hub, and the collector stops everybody for them. What is not here is read from the store.
 */
import type { LogChange } from "../../shared/log/payload.ts";
import { copyHash } from "../../shared/log/trie-leaf.ts";
import { HASH_BYTES } from "../../shared/record/encoding.ts";
import type { AdmittedChange } from "./intake.ts";
import type { TailChange } from "./tail.ts";

/** A larger frame costs little more to read again than to keep. */
const MAX_CHANGES = 64;
const MAX_FRAME_BYTES = 8 * 1024;
const PIECE_BYTES = 32 * 1024;
const MAX_PIECES = 384;
/** Key hash, record hash, length. */
const HEAD_BYTES = 2 * HASH_BYTES + 4;
const ABSENT = new Uint8Array(HASH_BYTES);
const DELETED = 0xff_ff_ff_ff;
/** Of the map of places. */
const PLACE_BYTES = 40;

interface Piece {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  used: number;
  /** The frame that it ends with. */
  last: number;
}

export class SmallFrames {
  /** Oldest first. */
  #pieces: Piece[] = [];
  /** How many pieces were forgotten. */
  #gone = 0;
  /** Where a frame begins, by revision: number of the piece, counted from the first one ever, times its size, and the place in it. */
  readonly #places = new Map<number, number>();

  /** What it needs of memory. */
  get bytes(): number {
    return this.#pieces.length * PIECE_BYTES + this.#places.size * PLACE_BYTES;
  }

  /** @param changes Of the next frame. */
  push(revision: number, changes: readonly AdmittedChange[]): void {
    if (changes.length > MAX_CHANGES) return;
    const size = changes.reduce((sum, { change }) => sum + HEAD_BYTES + lengthOf(change), 2);
    if (size > MAX_FRAME_BYTES) return;
    const piece = this.#pieceFor(size);
    const { bytes: to, view } = piece;
    this.#places.set(revision, (this.#gone + this.#pieces.length - 1) * PIECE_BYTES + piece.used);
    view.setUint16(piece.used, changes.length);
    let at = piece.used + 2;
    for (const { change, keyHash, recordHash } of changes) {
      copyHash(keyHash, to, at);
      copyHash(recordHash ?? ABSENT, to, at + HASH_BYTES);
      view.setUint32(at + 2 * HASH_BYTES, change.op === "put" ? change.bytes.length : DELETED);
      at += HEAD_BYTES;
      if (change.op === "put") to.set(change.bytes, at);
      at += lengthOf(change);
    }
    piece.used = at;
    piece.last = revision;
  }

  /** A frame's changes of the keys that are asked for, in order, and how many it has in all; `undefined` where they are not kept. */
  changesOf(
    revision: number,
    isAsked: (keyHash: Uint8Array) => boolean,
  ): { readonly changes: readonly TailChange[]; readonly records: number } | undefined {
    const place = this.#places.get(revision);
    if (place === undefined) return undefined;
    const piece = this.#pieces[Math.floor(place / PIECE_BYTES) - this.#gone];
    if (piece === undefined) return undefined;
    const { bytes: from, view } = piece;
    let at = place % PIECE_BYTES;
    const count = view.getUint16(at);
    at += 2;
    const changes: TailChange[] = [];
    for (let n = 0; n < count; n++) {
      const head = at;
      const length = view.getUint32(head + 2 * HASH_BYTES);
      const keyHash = from.subarray(head, head + HASH_BYTES);
      at += HEAD_BYTES + (length === DELETED ? 0 : length);
      if (!isAsked(keyHash)) continue;
      const recordHash = from.subarray(head + HASH_BYTES, head + 2 * HASH_BYTES);
      const bytes = length === DELETED ? null : from.subarray(head + HEAD_BYTES, at);
      changes.push({ keyHash, recordHash, bytes });
    }
    return { changes, records: count };
  }

  /** What was folded is not asked for any more. */
  forgetTo(revision: number): void {
    while (this.#pieces.length > 0 && (this.#pieces[0] as Piece).last <= revision) this.#forget();
  }

  #pieceFor(size: number): Piece {
    const newest = this.#pieces.at(-1);
    if (newest !== undefined && newest.used + size <= PIECE_BYTES) return newest;
    if (this.#pieces.length === MAX_PIECES) this.#forget();
    const bytes = new Uint8Array(PIECE_BYTES);
    const piece = { bytes, view: new DataView(bytes.buffer), used: 0, last: 0 };
    this.#pieces.push(piece);
    return piece;
  }

  /** The oldest piece. */
  #forget(): void {
    const piece = this.#pieces.shift();
    this.#gone++;
    for (const revision of this.#places.keys()) {
      if (revision > (piece?.last ?? 0)) break;
      this.#places.delete(revision);
    }
  }
}

function lengthOf(change: LogChange): number {
  return change.op === "put" ? change.bytes.length : 0;
}
