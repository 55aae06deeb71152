/**
 * Where what Typha sends is read into and cut into chunks in place: a snapshot of 50 MB passes
 * through one buffer, and leaves nothing to the garbage collector. Only who keeps bytes beyond the
 * moment (a Felix that is slow) makes it take another. [TYP13]
 *
 * Its size follows the stream: a system call, and the sender's waking up that comes with it, cost
 * as much as 30 KB that are copied, so a snapshot is read in large pieces (half of the kernel's
 * time of it is saved); between snapshots ten thousand connections hold little.
 */
import { cutChunks } from "./gob/chunks.ts";
import type { Chunk } from "./gob/chunks.ts";

/** Pings, statuses, a few key/values. */
const IDLE_BYTES = 16 * 1024;
const BUSY_BYTES = 64 * 1024;
const LARGE_BYTES = 256 * 1024;
/**
 * So that ten thousand Felixes that begin in one moment do not cost gigabytes: who gets no large
 * one takes longer, that is all.
 */
const MAX_LARGE = 256;
/** Reads in a row that would have fitted into the smallest, before it is taken again. */
const CALM_READS = 8;

const NOTHING = new Uint8Array(0);
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
  /** Whose bytes somebody looks at still. */
  readonly #kept: Uint8Array[] = [];
  #spare: Uint8Array = NOTHING;

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
    return this.#kept.reduce(
      (sum, { length }) => sum + length,
      this.#bytes.length + this.#spare.length,
    );
  }

  /**
   * `count` bytes have come to `space`.
   * @param take Gets each complete chunk; it is a view, good until this returns.
   * @param isKept Whether somebody keeps a view longer.
   * @throws GobError for a chunk that is too long.
   */
  came(count: number, take: (chunk: Chunk) => void, isKept: () => boolean): void {
    const end = this.#held + count;
    const isFull = end === this.#bytes.length;
    this.#calm = count < IDLE_BYTES ? this.#calm + 1 : 0;
    if (this.#kept.length > 0 && !isKept()) for (const one of this.#kept.splice(0)) this.#free(one);
    if (end < this.#needed) {
      this.#held = end;
      return;
    }
    const { used, needed } = cutChunks(this.#bytes.subarray(0, end), this.#maxChunkBytes, take);
    // Released by who took a chunk.
    if (this.#bytes === NOTHING) return;
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
    for (const buffer of [...this.#kept.splice(0), this.#bytes, this.#spare]) drop(buffer);
    this.#bytes = this.#spare = NOTHING;
    this.#held = 0;
    this.#needed = 1;
  }

  /** Moves what is held to the front, of a buffer of the size that the stream has now. */
  #continue(used: number, isFull: boolean, isKept: boolean): void {
    const from = this.#bytes;
    if (this.#calm >= CALM_READS) this.#free(this.#takeSpare());
    const size = this.#sizeNow(isFull && !isKept, isKept);
    if (size === from.length && !isKept) {
      from.copyWithin(0, used, used + this.#held);
      return;
    }
    const next = this.#spare.length >= size ? this.#takeSpare() : allocate(size);
    next.set(from.subarray(used, used + this.#held));
    if (isKept) this.#kept.push(from);
    else this.#free(from);
    this.#bytes = next;
  }

  #sizeNow(wantsMore: boolean, isKept: boolean): number {
    const { length } = this.#bytes;
    const least = Math.max(IDLE_BYTES, this.#needed);
    if (this.#calm >= CALM_READS) return least;
    // Who keeps bytes takes little at a time.
    if (isKept) return Math.max(BUSY_BYTES, this.#needed);
    if (least > length) return least;
    if (!wantsMore) return length;
    return length >= BUSY_BYTES && large < MAX_LARGE
      ? Math.max(LARGE_BYTES, length)
      : Math.max(BUSY_BYTES, length);
  }

  #takeSpare(): Uint8Array {
    const spare = this.#spare;
    this.#spare = NOTHING;
    return spare;
  }

  /**
   * One is held ready while the stream is busy: memory that is asked for and given back again and
   * again costs more than all the reading.
   */
  #free(buffer: Uint8Array): void {
    const isBetter = buffer.length > this.#spare.length && buffer.length <= LARGE_BYTES;
    if (this.#calm >= CALM_READS || !isBetter) {
      drop(buffer);
      return;
    }
    drop(this.#spare);
    this.#spare = buffer;
  }
}

function allocate(size: number): Uint8Array {
  if (size === LARGE_BYTES) large++;
  return new Uint8Array(size);
}

function drop(buffer: Uint8Array): void {
  if (buffer.length === LARGE_BYTES) large--;
}
