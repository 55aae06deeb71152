/**
 * The admitted changes of one batch in the order in which their keys came, of each key the newest.
 * A hash table over bytes: a Map by key hash would need a string for each hash, which the runtime
 * keeps in a table of all its strings, a tenth of what a change costs.
 */
import { equalBytes } from "../../../shared/lib/bytes.ts";
import type { AdmittedChange } from "./admitted-change.ts";

const GOLDEN = 0x9e3779b1;

export class AdmittedBatch {
  readonly #changes: AdmittedChange[] = [];
  /** Open addressing: an index into the changes and 1, or 0. At most half of them are taken. */
  readonly #slots: Int32Array;
  readonly #shift: number;
  readonly #seed: number;

  /**
   * @param most Changes that there can be.
   * @param seed 32 unpredictable bits: with known ones an origin could choose keys that all begin
   *   their search at one slot.
   */
  constructor(most: number, seed: number) {
    const bits = Math.ceil(Math.log2(most + 1)) + 1;
    this.#slots = new Int32Array(1 << bits);
    this.#shift = 32 - bits;
    this.#seed = seed;
  }

  get(keyHash: Uint8Array): AdmittedChange | undefined {
    const index = (this.#slots[this.#slotOf(keyHash)] as number) - 1;
    return index < 0 ? undefined : this.#changes[index];
  }

  /** In the place of an earlier change of its key. */
  set(change: AdmittedChange): void {
    const slot = this.#slotOf(change.keyHash);
    const index = (this.#slots[slot] as number) - 1;
    if (index >= 0) this.#changes[index] = change;
    else this.#slots[slot] = this.#changes.push(change);
  }

  inOrder(): readonly AdmittedChange[] {
    return this.#changes;
  }

  /** Where the key is, or would be. */
  #slotOf(keyHash: Uint8Array): number {
    const first =
      ((keyHash[0] as number) << 24) |
      ((keyHash[1] as number) << 16) |
      ((keyHash[2] as number) << 8) |
      (keyHash[3] as number);
    let slot = Math.imul(first ^ this.#seed, GOLDEN) >>> this.#shift;
    for (;;) {
      const index = (this.#slots[slot] as number) - 1;
      if (index < 0 || equalBytes((this.#changes[index] as AdmittedChange).keyHash, keyHash))
        return slot;
      slot = (slot + 1) & (this.#slots.length - 1);
    }
  }
}
