/**
 * The pages of a prefix at one revision, the next one asked for before one is taken. Of a large
 * prefix all but the first come from a thread. [DIR11] [DIR24]
 */
import { availableParallelism } from "node:os";

import { convertPage } from "./converted-value.ts";
import type { ConvertedValue } from "./converted-value.ts";
import type { EtcdConnection } from "./etcd-client.ts";
import type { EtcdCollection } from "./etcd-keys.ts";
import { readRangeEnds } from "./messages.ts";
import { unpackPage } from "./packed-page.ts";
import type { PageThread } from "./page-thread.ts";

export type ListedPage = Iterable<ConvertedValue>;

/** With fewer keys a list is over before a thread has begun. */
const THREAD_FROM_KEYS = 20_000;

export interface ListedPagesOptions {
  readonly connection: Pick<EtcdConnection, "rangeMessage" | "url" | "access">;
  readonly collection: EtcdCollection;
  /** At which it is listed; 0: the newest there is. */
  readonly revision: number;
  readonly threadFromKeys?: number | undefined;
}

export class ListedPages {
  readonly #options: ListedPagesOptions;
  readonly #threadFromKeys: number;
  #thread: Promise<PageThread | null> | null = null;
  #coming: Promise<Uint8Array> | null = null;
  /** The key behind which the next page begins; `null`: that was all. */
  #after: string | null = "";
  revision: number;

  constructor(options: ListedPagesOptions) {
    this.#options = options;
    this.revision = options.revision;
    const isAlone = availableParallelism() < 2;
    this.#threadFromKeys = options.threadFromKeys ?? (isAlone ? Infinity : THREAD_FROM_KEYS);
  }

  /** `null`: that was all. @throws as the connection does, and MalformedMessage. */
  async next(): Promise<ListedPage | null> {
    if (this.#after === null) return null;
    const given = await (await this.#thread)?.next();
    if (given == null) return this.#read(this.#after);
    this.#after = given.after;
    return unpackPage(given.page);
  }

  close(): void {
    void this.#thread?.then((thread) => thread?.stop());
  }

  async #read(after: string): Promise<ListedPage> {
    const message = await (this.#coming ?? this.#ask(after));
    this.#coming = null;
    const { revision, count, lastKey, hasMore } = readRangeEnds(message);
    if (this.revision === 0) this.revision = revision;
    this.#after = hasMore && lastKey !== "" ? lastKey : null;
    if (this.#after !== null)
      // One that has failed is not begun again.
      if (count >= this.#threadFromKeys && this.#thread === null) this.#begin(this.#after);
      else this.#coming = this.#ask(this.#after);
    return convertPage(this.#options.collection, message);
  }

  #ask(after: string): Promise<Uint8Array> {
    const { connection, collection } = this.#options;
    const coming = connection.rangeMessage(collection.prefix, after, this.revision);
    // Who takes the page hears of it.
    coming.catch(() => undefined);
    return coming;
  }

  #begin(after: string): void {
    const { connection, collection } = this.#options;
    const { url, access } = connection;
    const task = { collection: collection.name, url, access, revision: this.revision, after };
    this.#thread = import("./page-thread.ts").then(
      (module) => new module.PageThread(task),
      () => null,
    );
  }
}
