/**
 * The admitted changes of one batch, in order, the newest of each key. A Map by key hash would need a string for each hash, which the runtime keeps in a
 * table of all its strings: a tenth of what a change costs.
 */
import { equalBytes } from "../../../shared/lib/bytes.ts";
import type { LogChange } from "../../../shared/log/payload.ts";

/** An admitted change, with what the index needs of it. */
export interface AdmittedChange {
  readonly change: LogChange;
  readonly keyHash: Uint8Array;
  /** `null` for a delete. */
  readonly recordHash: Uint8Array | null;
}

const GOLDEN = 0x9e3779b1;

export class AdmittedBatch {
  readonly #changes: AdmittedChange[] = [];
  /** Open addressing: an index into the changes and 1, or 0. At most half of them are taken. */
  readonly #slots: Int32Array;
  readonly #shift: number;
  /** Or an origin could choose keys that all begin their search at one slot. */
  readonly #seed = Math.floor(Math.random() * 2 ** 32);

  /** @param most Changes that there can be. */
  constructor(most: number) {
    const bits = Math.ceil(Math.log2(most + 1)) + 1;
    this.#slots = new Int32Array(1 << bits);
    this.#shift = 32 - bits;
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
