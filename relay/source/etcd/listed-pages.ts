/**
 * The pages of a prefix at one revision, the next ones asked for before one is taken. Those of a
 * large prefix are converted by a thread too: whoever is free takes the next, so that both are done
 * at one time. [DIR11] [DIR24]
 */
import { availableParallelism } from "node:os";

import { convertPage } from "./converted-value.ts";
import type { ConvertedValue } from "./converted-value.ts";
import type { EtcdConnection } from "./etcd-client.ts";
import type { EtcdCollection } from "./etcd-keys.ts";
import { readRangeEnds } from "./messages.ts";
import { unpackPage } from "./packed-page.ts";
import type { PageThread, StartThread } from "./page-thread.ts";

export type ListedPage = Iterable<ConvertedValue>;

/** With fewer keys a list is over before a thread has begun. */
const THREAD_FROM_KEYS = 20_000;
/** Pages that were received, and that nobody has begun to convert. */
const RECEIVED = 2;
/** Pages that the thread has, the converted ones among them that were not taken yet. */
const GIVEN = 3;

export interface ListedPagesOptions {
  readonly connection: Pick<EtcdConnection, "rangeMessage">;
  readonly collection: EtcdCollection;
  /** At which it is listed; 0: the newest there is. */
  readonly revision: number;
  readonly threadFromKeys?: number | undefined;
  readonly startThread?: StartThread | undefined;
}

/** A page as it came. */
interface Received {
  /** The key behind which it begins: it can be asked for again. */
  readonly after: string;
  readonly message: Uint8Array;
}

export class ListedPages {
  readonly #options: ListedPagesOptions;
  readonly #threadFromKeys: number;
  #thread: PageThread | null = null;
  #mayThread = true;
  readonly #received: Received[] = [];
  readonly #converted: ListedPage[] = [];
  /** Begins of pages that a thread had when it failed. */
  readonly #lost: string[] = [];
  #given = 0;
  #isAsking = false;
  #isClosed = false;
  /** The key behind which the next page begins; `null`: that was all. */
  #after: string | null = "";
  #failure: { readonly error: unknown } | null = null;
  #onChange: () => void = () => undefined;
  revision: number;

  constructor(options: ListedPagesOptions) {
    this.#options = options;
    this.revision = options.revision;
    const isAlone = availableParallelism() < 2;
    this.#threadFromKeys = options.threadFromKeys ?? (isAlone ? Infinity : THREAD_FROM_KEYS);
  }

  /** In any order. `null`: that was all. @throws as the connection does, and MalformedMessage. */
  async next(): Promise<ListedPage | null> {
    for (;;) {
      this.#ask();
      const page = this.#take();
      if (page !== undefined) return page;
      if (this.#failure !== null) throw this.#failure.error;
      if (this.#isOver) return null;
      await new Promise<void>((resolve) => (this.#onChange = resolve));
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#endThread();
  }

  get #isOver(): boolean {
    const isWaiting = this.#isAsking || this.#given > 0;
    return this.#after === null && this.#lost.length === 0 && !isWaiting;
  }

  /** What the thread has made is less work, and makes room for the next. */
  #take(): ListedPage | undefined {
    const converted = this.#converted.shift();
    if (converted !== undefined) {
      this.#given--;
      this.#give();
      return converted;
    }
    const received = this.#received.shift();
    if (received === undefined) return undefined;
    this.#ask();
    return convertPage(this.#options.collection, received.message);
  }

  #ask(): void {
    if (this.#isAsking || this.#isClosed || this.#failure !== null) return;
    if (this.#received.length >= RECEIVED) return;
    const again = this.#lost.shift();
    const after = again ?? this.#after;
    if (after === null) return;
    const { connection, collection } = this.#options;
    this.#isAsking = true;
    connection.rangeMessage(collection.prefix, after, this.revision).then(
      (message) => this.#onPage(after, message, again !== undefined),
      (error: unknown) => this.#onFailure(error),
    );
  }

  #onPage(after: string, message: Uint8Array, isAgain: boolean): void {
    this.#isAsking = false;
    try {
      const { revision, count, lastKey, hasMore } = readRangeEnds(message);
      if (this.revision === 0) this.revision = revision;
      if (!isAgain) this.#after = hasMore && lastKey !== "" ? lastKey : null;
      if (count >= this.#threadFromKeys && this.#after !== null) this.#begin();
    } catch (error) {
      return this.#onFailure(error);
    }
    this.#received.push({ after, message });
    this.#give();
    this.#ask();
    this.#onChange();
  }

  #onFailure(error: unknown): void {
    this.#isAsking = false;
    this.#failure = { error };
    this.#onChange();
  }

  /** To the thread, what it has room for. */
  #give(): void {
    const thread = this.#thread;
    while (thread !== null && this.#given < GIVEN) {
      const received = this.#received.shift();
      if (received === undefined) break;
      this.#given++;
      void thread.convert(received.message).then((page) => {
        if (page !== null) this.#converted.push(unpackPage(page));
        else {
          this.#given--;
          this.#lost.push(received.after);
          // One that has failed is not begun again.
          this.#endThread();
        }
        this.#onChange();
      });
    }
  }

  #endThread(): void {
    this.#thread?.stop();
    this.#thread = null;
  }

  #begin(): void {
    if (!this.#mayThread) return;
    this.#mayThread = false;
    const { collection, startThread } = this.#options;
    void import("./page-thread.ts").then((module) => {
      if (this.#isOver || this.#isClosed) return;
      this.#thread = new module.PageThread(collection.name, startThread);
      this.#give();
    });
  }
}
