/**
 * A Felix over all its connections: keeps what it was told, reconnects when the connection ends,
 * and takes for deleted what a new connection has not named by its in-sync (Calico's syncclient and
 * dedupe buffer do so). Fails nothing itself: it writes down what went away, and when.
 */
import { SyncClient } from "../support/typha.ts";

const REDIAL_MS = 10;

export class Felix {
  /**
   * Remote keys that were held and then deleted, in a message or by a connection that came to its
   * in-sync without them.
   */
  readonly lost: string[] = [];
  /** Connections that came to in-sync. */
  syncs = 0;
  readonly #port: () => number;
  readonly #prefix: string;
  readonly #kvs = new Map<string, string>();
  #client: SyncClient | null = null;
  #isStopped = false;

  /**
   * @param port Where the relay listens now; asked at each connection.
   * @param prefix In every key of the remote: what happens to others is between Felix and its
   *   Typha.
   */
  constructor(port: () => number, prefix: string) {
    this.#port = port;
    this.#prefix = prefix;
    void this.#run();
  }

  has(part: string): boolean {
    return [...this.#kvs.keys()].some((key) => key.includes(part));
  }

  /** Keys held that hold `part`. */
  count(part: string): number {
    return [...this.#kvs.keys()].filter((key) => key.includes(part)).length;
  }

  stop(): void {
    this.#isStopped = true;
    this.#client?.close();
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      const client = new SyncClient(this.#port());
      this.#client = client;
      let isSynced = false;
      let deleted = 0;
      await client.until(
        "the end of the connection",
        () => {
          for (const [key, value] of client.kvs) this.#kvs.set(key, value);
          for (const key of client.deleted.slice(deleted)) this.#lose(key);
          deleted = client.deleted.length;
          if (client.hasSync && !isSynced) {
            isSynced = true;
            for (const key of this.#kvs.keys()) if (!client.kvs.has(key)) this.#lose(key);
            this.syncs++;
          }
          return client.isClosed;
        },
        2 ** 31 - 1,
      );
      await new Promise((resolve) => setTimeout(resolve, REDIAL_MS));
    }
  }

  #lose(key: string): void {
    if (this.#kvs.delete(key) && key.includes(this.#prefix))
      this.lost.push(`sync ${this.syncs}: ${key}`);
  }
}
