/**
 * Memory of a log's recent frames beyond their rows: the chain at each revision, so that a position
 * can be proven, and how many changes of each frame are still the newest of their key, so that a
 * reader that was away is sent those only. It reaches further back than the ring of rows: a frame
 * whose every change has been replaced needs no row to be skipped. Each takes 18 bytes, made room
 * for as they come. [LOG15]
 */
import { toId } from "../../../shared/lib/bytes.ts";
import { CHAIN_BYTES } from "../../../shared/log/cursor.ts";
import { BUDGETS } from "../budgets/limits.ts";

const DELETE_BYTES = 100;

export class RecentFrames {
  #head = 0;
  /** Oldest revision that is remembered. */
  #first = 1;
  #capacity = 64;
  #previous = new Uint8Array(this.#capacity * CHAIN_BYTES);
  #live = new Uint16Array(this.#capacity);
  /** Deleted keys by hash, with the frame that deleted them, oldest first. */
  readonly #deleted = new Map<string, number>();

  /** Approximate memory. */
  get bytes(): number {
    return this.#capacity * (CHAIN_BYTES + 2) + this.#deleted.size * DELETE_BYTES;
  }

  /**
   * The next frame: its predecessor's chain and how many changes it has. After a start the first
   * one may have any revision.
   */
  push(revision: number, previous: Uint8Array, changes: number): void {
    if (revision !== this.#head + 1) this.#first = revision;
    this.#head = revision;
    while (this.#head - this.#first >= this.#capacity) {
      if (this.#capacity < BUDGETS.recentFrames) this.#grow();
      else this.#first++;
    }
    const slot = revision % this.#capacity;
    this.#previous.set(previous, slot * CHAIN_BYTES);
    this.#live[slot] = changes;
    for (const [id, at] of this.#deleted) {
      if (at >= this.#first && this.#deleted.size <= BUDGETS.recentDeletes) break;
      this.#deleted.delete(id);
      this.#first = Math.max(this.#first, at + 1);
    }
  }

  /** One change of this frame is not the newest of its key any more. */
  replaced(revision: number): void {
    if (this.#has(revision)) this.#live[revision % this.#capacity]! -= 1;
  }

  /** A key is deleted by this frame. */
  deleted(keyHash: Uint8Array, revision: number): void {
    this.restored(keyHash);
    this.#deleted.set(toId(keyHash), revision);
  }

  /** A key is there again: its last delete, if it is remembered, counts no more. */
  restored(keyHash: Uint8Array): void {
    if (this.#deleted.size === 0) return;
    const id = toId(keyHash);
    const at = this.#deleted.get(id);
    if (at === undefined) return;
    this.#deleted.delete(id);
    this.replaced(at);
  }

  deletedAt(keyHash: Uint8Array): number | undefined {
    return this.#deleted.get(toId(keyHash));
  }

  /** The chain before a frame, or `undefined` where it is not remembered. */
  previousOf(revision: number): Uint8Array | undefined {
    if (!this.#has(revision)) return undefined;
    const at = (revision % this.#capacity) * CHAIN_BYTES;
    return this.#previous.slice(at, at + CHAIN_BYTES);
  }

  /**
   * The first frame after a revision with a change that is still the newest of its key; a frame
   * that is not remembered may have one.
   */
  nextLive(after: number): number | undefined {
    if (after + 1 < this.#first) return after + 1;
    for (let revision = after + 1; revision <= this.#head; revision++)
      if (this.#live[revision % this.#capacity] !== 0) return revision;
    return undefined;
  }

  #has(revision: number): boolean {
    return revision >= this.#first && revision <= this.#head;
  }

  #grow(): void {
    const [capacity, previous, live] = [this.#capacity, this.#previous, this.#live];
    this.#capacity = capacity * 4;
    this.#previous = new Uint8Array(this.#capacity * CHAIN_BYTES);
    this.#live = new Uint16Array(this.#capacity);
    for (let revision = this.#first; revision < this.#head; revision++) {
      const [from, to] = [revision % capacity, revision % this.#capacity];
      const chain = previous.subarray(from * CHAIN_BYTES, (from + 1) * CHAIN_BYTES);
      this.#previous.set(chain, to * CHAIN_BYTES);
      this.#live[to] = live[from] ?? 0;
    }
  }
}
