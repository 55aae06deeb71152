/**
 * A thread that reads and converts the rest of a prefix, over a connection of its own, while the
 * source's own thread admits, indexes and stores what came before. It lives as long as the list:
 * its memory is not the relay's for good. [DIR24]
 */
import { Worker } from "node:worker_threads";

import type { EtcdAccess } from "./etcd-access.ts";
import type { PackedPage } from "./packed-page.ts";

export interface ThreadTask {
  /** Its name. */
  readonly collection: string;
  readonly url: string;
  readonly access: EtcdAccess;
  readonly revision: number;
  /** The key behind which it begins. */
  readonly after: string;
}

export interface ThreadPage {
  readonly page: PackedPage;
  /** The key behind which the next page begins; `null`: that was all. */
  readonly after: string | null;
}

/** Nothing that it makes lives for longer than a page: what is young is seldom moved. */
const YOUNG_MB = 96;

export class PageThread {
  readonly #worker: Worker;
  readonly #pages: ThreadPage[] = [];
  #onPage: ((page: ThreadPage | null) => void) | null = null;
  #hasEnded = false;

  constructor(task: ThreadTask) {
    const resourceLimits = { maxYoungGenerationSizeMb: YOUNG_MB };
    this.#worker = new Worker(program(), { workerData: task, resourceLimits });
    this.#worker.on("message", (page: ThreadPage) => {
      this.#pages.push(page);
      this.#give();
    });
    // Why is said by who goes on without it.
    this.#worker.on("error", () => undefined);
    this.#worker.on("exit", () => {
      this.#hasEnded = true;
      this.#give();
    });
  }

  /** `null`: it has failed, or there was no more. One at a time. */
  next(): Promise<ThreadPage | null> {
    return new Promise((resolve) => {
      this.#onPage = resolve;
      this.#give();
    });
  }

  stop(): void {
    void this.#worker.terminate();
  }

  #give(): void {
    const onPage = this.#onPage;
    if (onPage === null || (this.#pages.length === 0 && !this.#hasEnded)) return;
    this.#onPage = null;
    const page = this.#pages.shift() ?? null;
    if (page !== null) this.#worker.postMessage("taken");
    onPage(page);
  }
}

/** It lies beside this module, in a bundle too. */
function program(): URL {
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  return new URL(`./list-thread.${extension}`, import.meta.url);
}
