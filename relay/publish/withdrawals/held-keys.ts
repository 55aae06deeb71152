/** The keys whose withdrawal is held, found by what could take their place. */
import { toId } from "../../../shared/lib/bytes.ts";
import type { Channel } from "../../../shared/record/channel.ts";
import type { CollectionName, Identity } from "./collections.ts";

export interface HeldKey extends Identity {
  readonly channel: Channel;
  readonly keyHash: Uint8Array;
  readonly collection: CollectionName;
  /** Where this process has the record; `null`: an earlier one published it. */
  readonly key: string | null;
}

export class HeldKeys {
  readonly #byId = new Map<string, HeldKey>();
  readonly #counts = new Map<CollectionName, number>();
  /** Of objects and addresses. */
  readonly #byPlace = new Map<string, Set<string>>();

  get size(): number {
    return this.#byId.size;
  }

  has(keyHash: Uint8Array): boolean {
    return this.#byId.has(toId(keyHash));
  }

  all(): readonly HeldKey[] {
    return [...this.#byId.values()];
  }

  count(collection: CollectionName): number {
    return this.#counts.get(collection) ?? 0;
  }

  add(held: HeldKey): void {
    const id = toId(held.keyHash);
    this.remove(held.keyHash);
    this.#byId.set(id, held);
    this.#counts.set(held.collection, this.count(held.collection) + 1);
    for (const place of placesOf(held)) {
      const ids = this.#byPlace.get(place) ?? new Set();
      this.#byPlace.set(place, ids.add(id));
    }
  }

  remove(keyHash: Uint8Array): void {
    const id = toId(keyHash);
    const held = this.#byId.get(id);
    if (held === undefined) return;
    this.#byId.delete(id);
    this.#counts.set(held.collection, this.count(held.collection) - 1);
    for (const place of placesOf(held)) {
      const ids = this.#byPlace.get(place);
      ids?.delete(id);
      if (ids?.size === 0) this.#byPlace.delete(place);
    }
  }

  /**
   * Takes out and answers what a record takes the place of: its object under another key, and who
   * has one of its addresses.
   */
  removeReplaced(keyHash: Uint8Array, by: Identity): readonly HeldKey[] {
    const own = toId(keyHash);
    const ids = new Set(placesOf(by).flatMap((place) => [...(this.#byPlace.get(place) ?? [])]));
    ids.delete(own);
    const replaced = [...ids].flatMap((id) => this.#byId.get(id) ?? []);
    for (const held of replaced) this.remove(held.keyHash);
    return replaced;
  }
}

export function placesOf({ object, ips }: Identity): readonly string[] {
  const addresses = ips.map((ip) => `ip ${ip}`);
  return object === "" ? addresses : [`object ${object}`, ...addresses];
}
