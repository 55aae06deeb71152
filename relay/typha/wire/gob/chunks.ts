/**
 * Cuts a gob stream into its length-delimited chunks, whatever pieces the bytes come in. A chunk
 * inside one piece is a view of it; one that spans pieces is put together once. [TYP1]
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

/**
 * @returns How many bytes the complete chunks had, and how many there have to be, from there, for
 *   the next step.
 * @throws GobError for a chunk that is too long.
 */
export function cutChunks(
  bytes: Uint8Array,
  maxChunkBytes: number,
  take: (chunk: Chunk) => void,
): { readonly used: number; readonly needed: number } {
  for (let used = 0; ;) {
    const length = chunkLength(bytes, used);
    if (length === null) return { used, needed: bytes.length - used + 1 };
    if (length.value > maxChunkBytes)
      throw new GobError(`chunk of ${length.value} bytes, the limit is ${maxChunkBytes}`);
    const size = length.size + length.value;
    if (bytes.length - used < size) return { used, needed: size };
    take({ whole: bytes.subarray(used, used + size), head: length.size });
    used += size;
  }
}

export class ChunkCutter {
  readonly #maxChunkBytes: number;
  #pieces: Uint8Array[] = [];
  #held = 0;
  #needed = 1;

  /**
   * @param maxChunkBytes A longer chunk is refused as soon as its length is read: what is held is
   *   never more than twice that.
   */
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
    const bytes = this.#pieces.length === 1 ? piece : Buffer.concat(this.#pieces, this.#held);
    const chunks: Chunk[] = [];
    const { used, needed } = cutChunks(bytes, this.#maxChunkBytes, (chunk) => chunks.push(chunk));
    this.#needed = needed;
    this.#held = bytes.length - used;
    this.#pieces = this.#held === 0 ? [] : [bytes.subarray(used)];
    return chunks;
  }
}

/** The uint before a chunk; `null` until it is complete. */
function chunkLength(
  bytes: Uint8Array,
  at: number,
): { readonly size: number; readonly value: number } | null {
  const first = bytes[at];
  if (first === undefined) return null;
  const size = first < 128 ? 1 : 257 - first;
  if (size > MAX_HEAD) throw new GobError(`length of ${size - 1} bytes`);
  if (bytes.length - at < size) return null;
  return { size, value: Number(new GobReader(bytes.subarray(at, at + size)).uint()) };
}
