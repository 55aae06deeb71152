/** One collection in etcd: what is known of it, and up to which revision. */
import { setImmediate as nextTurn } from "node:timers/promises";

import type { EncodedChange } from "../../../shared/record/encoding.ts";
import { growFreely } from "../../lib/small-heap.ts";
import type { RecordStore } from "../record-store.ts";
import type { CollectionReading, SourceState } from "../source-health.ts";
import type { EtcdConnection } from "./etcd-client.ts";
import { convertKeyValue, idOf } from "./etcd-keys.ts";
import type { EtcdCollection } from "./etcd-keys.ts";
import type { KeyValue, RangePage, WatchEvent } from "./messages.ts";

/**
 * A page is read in parts of so many: the next one is received meanwhile, and nobody who is served
 * waits for all of it.
 */
const PART_KEYS = 500;

export class FollowedPrefix {
  readonly collection: EtcdCollection;
  readonly #store: RecordStore;
  /** Of all values that are there, whether they give records or not. */
  readonly #ids = new Set<string>();
  #state: SourceState = "listing";
  #reason = "";
  #isForbidden = false;
  /** All up to this revision is known; `null`: it is to be listed. */
  position: number | null = null;

  constructor(collection: EtcdCollection, store: RecordStore) {
    this.collection = collection;
    this.#store = store;
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
    const grown = growFreely();
    try {
      return await this.#list(connection, revision, emit, signal);
    } finally {
      grown();
    }
  }

  async #list(
    connection: EtcdConnection,
    revision: number,
    emit: (changes: readonly EncodedChange[]) => void,
    signal: AbortSignal,
  ): Promise<number> {
    const unseen = new Set(this.#ids);
    const { prefix } = this.collection;
    let at = revision;
    let coming: Promise<RangePage> | null = connection.range(prefix, "", at);
    while (coming !== null) {
      const page: RangePage = await coming;
      if (signal.aborted) return at;
      if (at === 0) at = page.revision;
      const last = page.kvs.at(-1);
      const hasMore = page.hasMore && last !== undefined;
      // The next one comes while this one is read.
      coming = hasMore ? connection.range(prefix, last.key, at) : null;
      coming?.catch(() => undefined);
      for (let from = 0; from < page.kvs.length; from += PART_KEYS) {
        emit(this.#listed(page.kvs.slice(from, from + PART_KEYS), unseen));
        await nextTurn();
        if (signal.aborted) return at;
      }
    }
    emit([...unseen].flatMap((id) => this.#remove(id, "inferred")));
    this.position = at;
    this.#isForbidden = false;
    return at;
  }

  /** @param unseen Ids of what is known and was not listed so far. */
  #listed(kvs: readonly KeyValue[], unseen: Set<string>): EncodedChange[] {
    const changes: EncodedChange[] = [];
    for (const kv of kvs) {
      const id = idOf(this.collection, kv.key);
      unseen.delete(id);
      changes.push(...this.#put(id, kv));
    }
    return changes;
  }

  apply(events: readonly WatchEvent[]): readonly EncodedChange[] {
    return events.flatMap(({ op, kv }) => {
      const id = idOf(this.collection, kv.key);
      return op === "put" ? this.#put(id, kv) : this.#remove(id, "observed");
    });
  }

  #put(id: string, { key, value }: KeyValue): readonly EncodedChange[] {
    this.#ids.add(id);
    const conversion = convertKeyValue(this.collection, key, value);
    return this.#store.upsertConverted(id, conversion, { noun: "value", where: "" });
  }

  #remove(id: string, cause: "inferred" | "observed"): readonly EncodedChange[] {
    this.#ids.delete(id);
    return this.#store.remove(id, cause);
  }
}
