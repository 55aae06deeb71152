/** A Map by key hash that is mostly empty: while it is, no text is made of a hash. */
import { toId } from "../../../shared/lib/bytes.ts";

export class KeyHashMap<T> {
  readonly #values = new Map<string, T>();

  has(keyHash: Uint8Array): boolean {
    return this.#values.size > 0 && this.#values.has(toId(keyHash));
  }

  get(keyHash: Uint8Array): T | undefined {
    return this.#values.size === 0 ? undefined : this.#values.get(toId(keyHash));
  }

  set(keyHash: Uint8Array, value: T): void {
    this.#values.set(toId(keyHash), value);
  }

  delete(keyHash: Uint8Array): void {
    if (this.#values.size > 0) this.#values.delete(toId(keyHash));
  }

  values(): readonly T[] {
    return [...this.#values.values()];
  }
}
