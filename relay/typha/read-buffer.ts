/**
 * Where what Typha sends is read into and cut into chunks in place: a snapshot of 50 MB passes through one buffer, and leaves nothing to the garbage
 * collector. Only who keeps bytes beyond the moment (a Felix that is slow) makes it take another. [TYP13]
 */
import { cutChunks } from "./gob/chunks.ts";
import type { Chunk } from "./gob/chunks.ts";

/** As much as one read of a socket brings; larger ones are not faster, because what they bring leaves the processor's cache again. */
const BYTES = 64 * 1024;

export class ReadBuffer {
  readonly #maxChunkBytes: number;
  /** No `Buffer`: whose `slice` would be a view where others believe that they have a copy. */
  #bytes = new Uint8Array(BYTES);
  /** Bytes at the front that belong to no complete chunk yet. */
  #held = 0;
  #needed = 1;

  /** @param maxChunkBytes A longer chunk is refused as soon as its length is read. */
  constructor(maxChunkBytes: number) {
    this.#maxChunkBytes = maxChunkBytes;
  }

  /** Where the next bytes are to go. */
  get space(): Uint8Array {
    return this.#bytes.subarray(this.#held);
  }

  /**
   * `count` bytes have come to `space`.
   * @param take Gets each complete chunk; it is a view, good until this returns.
   * @param isKept Whether somebody keeps a view longer. @throws GobError for a chunk that is too long.
   */
  came(count: number, take: (chunk: Chunk) => void, isKept: () => boolean): void {
    const end = this.#held + count;
    if (end < this.#needed) {
      this.#held = end;
      return;
    }
    const { used, needed } = cutChunks(this.#bytes.subarray(0, end), this.#maxChunkBytes, take);
    const isLonger = needed > this.#bytes.length;
    const isShorter = this.#bytes.length > BYTES && needed <= BYTES;
    if (isKept() || isLonger || isShorter) {
      const next = new Uint8Array(Math.max(BYTES, needed));
      next.set(this.#bytes.subarray(used, end));
      this.#bytes = next;
    } else this.#bytes.copyWithin(0, used, end);
    this.#held = end - used;
    this.#needed = needed;
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
}
