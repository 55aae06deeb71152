/**
 * What one connection's Felix holds of its cluster's own key/values: of each key a hash of the
 * value and whether it was seen since Typha came back, in 8 bytes. Enough to send the difference
 * only, after Typha was away. [TYP11] [TYP13]
 */
import type { KeyTable } from "./key-table.ts";

const HELD = 1;
const SEEN = 2;
/** The upper 30 bits of a second hash share a word with the marks. */
const HASH_MASK = 0xffff_fffc;

export type PutOutcome = "new" | "changed" | "same";

export class LocalKeys {
  readonly #table: KeyTable;
  #hashes = new Uint32Array(0);
  #marks = new Uint32Array(0);
  #size = 0;

  constructor(table: KeyTable) {
    this.#table = table;
  }

  get size(): number {
    return this.#size;
  }

  /** Bytes of memory. */
  get bytes(): number {
    return this.#hashes.length * 8;
  }

  has(id: number): boolean {
    return ((this.#marks[id] ?? 0) & HELD) !== 0;
  }

  /** Notes a value; `first` and `second` are hashes of it. */
  put(id: number, first: number, second: number): PutOutcome {
    if (id >= this.#hashes.length) this.#grow(id);
    const mark = this.#marks[id] ?? 0;
    const wanted = ((second & HASH_MASK) | HELD | SEEN) >>> 0;
    const isHeld = (mark & HELD) !== 0;
    const isSame = isHeld && this.#hashes[id] === first && (mark | SEEN) >>> 0 === wanted;
    this.#hashes[id] = first;
    this.#marks[id] = wanted;
    if (!isHeld) {
      this.#table.hold(id);
      this.#size++;
    }
    return isSame ? "same" : isHeld ? "changed" : "new";
  }

  /** Answers whether it was held. */
  delete(id: number): boolean {
    if (!this.has(id)) return false;
    this.#marks[id] = 0;
    this.#size--;
    this.#table.drop(id);
    return true;
  }

  /** A new Typha begins to tell everything: nothing of it is seen yet. */
  forgetSeen(): void {
    const marks = this.#marks;
    for (let id = 0; id < marks.length; id++) marks[id] = (marks[id] ?? 0) & ~SEEN;
  }

  /** Held and not seen: gone while Typha was away. */
  unseen(): number[] {
    const ids: number[] = [];
    const marks = this.#marks;
    for (let id = 0; id < marks.length; id++)
      if (((marks[id] ?? 0) & (HELD | SEEN)) === HELD) ids.push(id);
    return ids;
  }

  /** Holds nothing any more. */
  clear(): void {
    for (let id = 0; id < this.#marks.length; id++) if (this.has(id)) this.#table.letGo(id);
    this.#hashes = new Uint32Array(0);
    this.#marks = new Uint32Array(0);
    this.#size = 0;
  }

  #grow(id: number): void {
    // An eighth more than the table has now: all connections of a cluster come to the same size.
    const capacity = Math.max(id + 1, Math.ceil(this.#table.size * 1.125), 256);
    const hashes = new Uint32Array(capacity);
    hashes.set(this.#hashes);
    this.#hashes = hashes;
    const marks = new Uint32Array(capacity);
    marks.set(this.#marks);
    this.#marks = marks;
  }
}
