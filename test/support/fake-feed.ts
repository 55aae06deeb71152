/** Remote key/values that a test puts and deletes. */
import { encodeUpdate, withType } from "../../relay/typha/wire/encode.ts";
import type { RemoteFeed } from "../../relay/typha/splice/remote-feed.ts";
import type { RemoteUpdate } from "../../relay/typha/splice/remote-update.ts";

const PART = 300;

export class FakeFeed implements RemoteFeed {
  readonly #kvs = new Map<string, Uint8Array>();
  readonly #listeners = new Set<(updates: readonly RemoteUpdate[]) => void>();

  put(key: string, value: string): void {
    const encoded = encodeUpdate({
      key,
      value: Buffer.from(value),
      revision: "",
      v3ResourceVersion: "",
      ttlNs: 0,
      updateType: this.#kvs.has(key) ? 2 : 1,
    });
    const isNew = !this.#kvs.has(key);
    this.#kvs.set(key, withType(encoded, 1));
    this.#tell({ key, encoded, isPut: true, isNew });
  }

  delete(key: string): void {
    this.#kvs.delete(key);
    const encoded = encodeUpdate({
      key,
      value: null,
      revision: "",
      v3ResourceVersion: "",
      ttlNs: 0,
      updateType: 3,
    });
    this.#tell({ key, encoded, isPut: false, isNew: false });
  }

  *snapshot(): Generator<readonly RemoteUpdate[]> {
    const keys = [...this.#kvs.keys()];
    for (let from = 0; from < keys.length; from += PART)
      yield keys.slice(from, from + PART).flatMap((key) => {
        const encoded = this.#kvs.get(key);
        return encoded === undefined ? [] : [{ key, encoded, isPut: true, isNew: true }];
      });
  }

  find(key: string): Uint8Array | null {
    return this.#kvs.get(key) ?? null;
  }

  subscribe(listener: (updates: readonly RemoteUpdate[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #tell(update: RemoteUpdate): void {
    for (const listener of this.#listeners) listener([update]);
  }
}
