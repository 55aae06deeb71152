/**
 * A thread that converts pages of a prefix, while the source's own thread converts others, and
 * admits, indexes and stores them. It lives as long as the list: its memory is not the relay's for
 * good. [DIR24]
 */
import { Worker } from "node:worker_threads";

import type { PackedPage } from "./packed-page.ts";

export type StartThread = (program: URL, options: ThreadOptions) => Worker;

interface ThreadOptions {
  /** Name of the collection. */
  readonly workerData: string;
  readonly resourceLimits: { readonly maxYoungGenerationSizeMb: number };
}

/** Nothing that it makes lives for longer than a page: what is young is seldom moved. */
const YOUNG_MB = 96;

const START: StartThread = (program, options) => new Worker(program, options);

export class PageThread {
  readonly #worker: Worker;
  /** In the order of the pages. */
  readonly #waiting: ((page: PackedPage | null) => void)[] = [];
  #hasEnded = false;

  /** @param collection Its name. */
  constructor(collection: string, start = START) {
    const resourceLimits = { maxYoungGenerationSizeMb: YOUNG_MB };
    this.#worker = start(program(), { workerData: collection, resourceLimits });
    this.#worker.on("message", (page: PackedPage) => this.#waiting.shift()?.(page));
    // Why is said by who goes on without it.
    this.#worker.on("error", () => undefined);
    this.#worker.on("exit", () => {
      this.#hasEnded = true;
      for (const give of this.#waiting.splice(0)) give(null);
    });
  }

  /** @param message A page as it came. `null`: the thread has failed. */
  convert(message: Uint8Array): Promise<PackedPage | null> {
    if (this.#hasEnded) return Promise.resolve(null);
    // Its own, to be moved: what came may lie in a buffer with more.
    const moved = new Uint8Array(message);
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#worker.postMessage(moved, [moved.buffer]);
    });
  }

  stop(): void {
    void this.#worker.terminate();
  }
}

/** It lies beside this module, in a bundle too. */
function program(): URL {
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  return new URL(`./list-thread.${extension}`, import.meta.url);
}
