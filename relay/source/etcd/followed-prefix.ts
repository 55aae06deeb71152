/** One collection in etcd: what is known of it, and up to which revision. */
import { setImmediate as nextTurn } from "node:timers/promises";

import type { EncodedChange } from "../../../shared/record/encoding.ts";
import { growFreely } from "../../lib/small-heap.ts";
import type { RecordStore } from "../record-store.ts";
import type { CollectionReading, SourceState } from "../source-health.ts";
import type { EtcdConnection } from "./etcd-client.ts";
import { convertValue } from "./converted-value.ts";
import type { ConvertedValue } from "./converted-value.ts";
import { idOf } from "./etcd-keys.ts";
import type { EtcdCollection } from "./etcd-keys.ts";
import { ListedPages } from "./listed-pages.ts";
import type { WatchEvent } from "./messages.ts";

/**
 * A page is taken in parts of so many: the next one is received meanwhile, and nobody who is served
 * waits for all of it.
 */
const PART_KEYS = 500;

export class FollowedPrefix {
  readonly collection: EtcdCollection;
  readonly #store: RecordStore;
  readonly #threadFromKeys: number | undefined;
  /** Of all values that are there, whether they give records or not. */
  readonly #ids = new Set<string>();
  #state: SourceState = "listing";
  #reason = "";
  #isForbidden = false;
  /** All up to this revision is known; `null`: it is to be listed. */
  position: number | null = null;

  /** @param threadFromKeys See `ListedPages`. */
  constructor(collection: EtcdCollection, store: RecordStore, threadFromKeys?: number) {
    this.collection = collection;
    this.#store = store;
    this.#threadFromKeys = threadFromKeys;
  }

  reading(): CollectionReading {
    const name = `${this.collection.name} (etcd)`;
    return {
      name,
      state: this.#state,
      objects: this.#ids.size,
      reason: this.#reason,
      ...(this.#isForbidden && { forbiddenKind: this.collection.kind }),
    };
  }

  follow(): void {
    this.#state = "following";
    this.#reason = "";
  }

  fail(reason: string): void {
    this.#state = "failing";
    this.#reason = reason;
  }

  /** The user may not list it; what is known of it stays. */
  forbid(reason: string): void {
    this.fail(reason);
    this.#isForbidden = true;
  }

  /**
   * @param revision At which it is listed; 0: the newest there is.
   * @returns The revision. @throws as the connection does; what came before stays applied.
   */
  async list(
    connection: EtcdConnection,
    revision: number,
    emit: (changes: readonly EncodedChange[]) => void,
    signal: AbortSignal,
  ): Promise<number> {
    const { collection } = this;
    const threadFromKeys = this.#threadFromKeys;
    const pages = new ListedPages({ connection, collection, revision, threadFromKeys });
    const grown = growFreely();
    try {
      return await this.#list(pages, emit, signal);
    } finally {
      grown();
      pages.close();
    }
  }

  async #list(
    pages: ListedPages,
    emit: (changes: readonly EncodedChange[]) => void,
    signal: AbortSignal,
  ): Promise<number> {
    const unseen = new Set(this.#ids);
    for (let page = await pages.next(); page !== null; page = await pages.next()) {
      let part: EncodedChange[] = [];
      let values = 0;
      for (const value of page) {
        if (unseen.size > 0) unseen.delete(value.id);
        part.push(...this.#put(value));
        if (++values % PART_KEYS !== 0) continue;
        emit(part);
        part = [];
        await nextTurn();
        if (signal.aborted) return pages.revision;
      }
      emit(part);
      await nextTurn();
      if (signal.aborted) return pages.revision;
    }
    emit([...unseen].flatMap((id) => this.#remove(id, "inferred")));
    this.position = pages.revision;
    this.#isForbidden = false;
    return pages.revision;
  }

  apply(events: readonly WatchEvent[]): readonly EncodedChange[] {
    const { collection } = this;
    return events.flatMap(({ op, kv }) =>
      op === "put"
        ? this.#put(convertValue(collection, kv))
        : this.#remove(idOf(collection, kv.key), "observed"),
    );
  }

  #put(value: ConvertedValue): readonly EncodedChange[] {
    this.#ids.add(value.id);
    return this.#store.upsertEncoded(value.id, value, "");
  }

  #remove(id: string, cause: "inferred" | "observed"): readonly EncodedChange[] {
    this.#ids.delete(id);
    return this.#store.remove(id, cause);
  }
}
