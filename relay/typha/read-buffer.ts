/**
 * Where what Typha sends is read into and cut into chunks in place: a snapshot of 50 MB passes through one buffer, and leaves nothing to the garbage
 * collector. Only who keeps bytes beyond the moment (a Felix that is slow) makes it take another. [TYP13]
 *
 * Its size follows the stream: a system call, and the sender's waking up that comes with it, cost as much as 30 KB that are copied, so a snapshot is read in
 * large pieces (half of the kernel's time of it is saved); between snapshots ten thousand connections hold little.
 */
import { cutChunks } from "./gob/chunks.ts";
import type { Chunk } from "./gob/chunks.ts";

/** Pings, statuses, a few key/values. */
const IDLE_BYTES = 16 * 1024;
const BUSY_BYTES = 64 * 1024;
const LARGE_BYTES = 256 * 1024;
/** So that ten thousand Felixes that begin in one moment do not cost gigabytes: who gets no large one takes longer, that is all. */
const MAX_LARGE = 256;
/** Reads in a row that would have fitted into the smallest, before it is taken again. */
const CALM_READS = 8;

/** Large ones of all connections. */
let large = 0;

export class ReadBuffer {
  readonly #maxChunkBytes: number;
  /** No `Buffer`: whose `slice` would be a view where others believe that they have a copy. */
  #bytes: Uint8Array = new Uint8Array(IDLE_BYTES);
  /** Bytes at the front that belong to no complete chunk yet. */
  #held = 0;
  #needed = 1;
  #calm = 0;

  /** @param maxChunkBytes A longer chunk is refused as soon as its length is read. */
  constructor(maxChunkBytes: number) {
    this.#maxChunkBytes = maxChunkBytes;
  }

  /** Where the next bytes are to go. */
  get space(): Uint8Array {
    return this.#bytes.subarray(this.#held);
  }

  /** Bytes of memory. */
  get size(): number {
    return this.#bytes.length;
  }

  /**
   * `count` bytes have come to `space`.
   * @param take Gets each complete chunk; it is a view, good until this returns.
   * @param isKept Whether somebody keeps a view longer. @throws GobError for a chunk that is too long.
   */
  came(count: number, take: (chunk: Chunk) => void, isKept: () => boolean): void {
    const end = this.#held + count;
    const isFull = end === this.#bytes.length;
    this.#calm = count < IDLE_BYTES ? this.#calm + 1 : 0;
    if (end < this.#needed) {
      this.#held = end;
      return;
    }
    const { used, needed } = cutChunks(this.#bytes.subarray(0, end), this.#maxChunkBytes, take);
    this.#held = end - used;
    this.#needed = needed;
    this.#continue(used, isFull, isKept());
  }

  /** The same for bytes that are elsewhere. */
  push(bytes: Uint8Array, take: (chunk: Chunk) => void, isKept: () => boolean): void {
    for (let from = 0; from < bytes.length;) {
      const { space } = this;
      const count = Math.min(space.length, bytes.length - from);
      space.set(bytes.subarray(from, from + count));
      from += count;
      this.came(count, take, isKept);
    }
  }

  /** Nothing is read into it any more. */
  release(): void {
    this.#exchange(new Uint8Array(1));
    this.#held = 0;
    this.#needed = 1;
  }

  /** Moves what is held to the front, of a buffer of the size that the stream has now. */
  #continue(used: number, isFull: boolean, isKept: boolean): void {
    const from = this.#bytes;
    const size = this.#sizeNow(isFull && !isKept);
    if (size === from.length && !isKept) {
      from.copyWithin(0, used, used + this.#held);
      return;
    }
    // Who keeps bytes takes little at a time.
    const next = new Uint8Array(isKept ? Math.max(BUSY_BYTES, this.#needed) : size);
    next.set(from.subarray(used, used + this.#held));
    this.#exchange(next);
  }

  #sizeNow(wantsMore: boolean): number {
    const { length } = this.#bytes;
    const least = Math.max(IDLE_BYTES, this.#needed);
    if (least > length || this.#calm >= CALM_READS) return least;
    if (!wantsMore) return length;
    return length >= BUSY_BYTES && large < MAX_LARGE
      ? Math.max(LARGE_BYTES, length)
      : Math.max(BUSY_BYTES, length);
  }

  #exchange(next: Uint8Array): void {
    if (this.#bytes.length === LARGE_BYTES) large--;
    if (next.length === LARGE_BYTES) large++;
    this.#bytes = next;
  }
}
