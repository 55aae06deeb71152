/**
 * Cuts a gob stream into its length-delimited chunks, whatever pieces the bytes come in. A chunk inside one piece is a view of it; one that spans
 * pieces is put together once. [TYP1]
 */
import { GobError, GobReader } from "./bytes.ts";

export interface Chunk {
  /** With its length in front, as it came. */
  readonly whole: Uint8Array;
  /** Bytes of that length. */
  readonly head: number;
}

/** A uint of at most 8 bytes, behind the byte that counts them. */
const MAX_HEAD = 9;

export class ChunkCutter {
  readonly #maxChunkBytes: number;
  #pieces: Uint8Array[] = [];
  #held = 0;
  /** Bytes that complete what is held, as far as it is known: a length first, then the chunk. */
  #needed = 1;

  /** @param maxChunkBytes A longer chunk is refused as soon as its length is read: what is held is never more than twice that. */
  constructor(maxChunkBytes: number) {
    this.#maxChunkBytes = maxChunkBytes;
  }

  /** Bytes that belong to no complete chunk yet. */
  get heldBytes(): number {
    return this.#held;
  }

  /** @returns Chunks that are complete now. @throws GobError for a chunk that is too long. */
  cut(piece: Uint8Array): Chunk[] {
    if (piece.length === 0) return [];
    this.#pieces.push(piece);
    this.#held += piece.length;
    if (this.#held < this.#needed) return [];
    let bytes = this.#pieces.length === 1 ? piece : Buffer.concat(this.#pieces, this.#held);
    const chunks: Chunk[] = [];
    for (;;) {
      const length = chunkLength(bytes);
      if (length === null) {
        this.#needed = bytes.length + 1;
        break;
      }
      if (length.value > this.#maxChunkBytes)
        throw new GobError(`chunk of ${length.value} bytes, the limit is ${this.#maxChunkBytes}`);
      const end = length.size + length.value;
      if (bytes.length < end) {
        this.#needed = end;
        break;
      }
      chunks.push({ whole: bytes.subarray(0, end), head: length.size });
      bytes = bytes.subarray(end);
    }
    this.#held = bytes.length;
    this.#pieces = bytes.length === 0 ? [] : [bytes];
    return chunks;
  }
}

/** The uint before a chunk; `null` until it is complete. */
function chunkLength(bytes: Uint8Array): { readonly size: number; readonly value: number } | null {
  const first = bytes[0];
  if (first === undefined) return null;
  const size = first < 128 ? 1 : 257 - first;
  if (size > MAX_HEAD) throw new GobError(`length of ${size - 1} bytes`);
  if (bytes.length < size) return null;
  return { size, value: Number(new GobReader(bytes.subarray(0, size)).uint()) };
}
