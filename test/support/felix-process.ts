/**
 * A Felix ≥ 3.31 between its relays, as Calico's sync client and dedupe buffer are (calico v3.32.1
 * typha/pkg/syncclient/sync_client.go): dials again 1 ms after a loss, failed dials 100 ms apart,
 * exits after twice as many failures as it has addresses (at least 3 counted); keeps what it has,
 * and at in-sync deletes what the new connection has not told.
 */
import { connect } from "node:net";

import type { TyphaMessage } from "../../relay/typha/wire/messages.ts";
import { SyncClient } from "./typha.ts";

const REDIAL_MS = 1;
const FAILED_DIAL_MS = 100;

export class FelixProcess {
  /** What the dataplane has. */
  readonly kvs = new Map<string, string>();
  /** Keys that the dataplane was told to delete, in order. */
  readonly deleted: string[] = [];
  /** Statuses as they came, over all connections. */
  readonly statuses: number[] = [];
  /** Ports of the connections that came about. */
  readonly dialled: number[] = [];
  syncs = 0;
  hasExited = false;
  readonly #ports: () => readonly number[];
  readonly #hello: ConstructorParameters<typeof SyncClient>[1];
  readonly #onTold: () => void;
  readonly #seen = new Set<string>();
  #client: SyncClient | null = null;
  #isSynced = false;
  #failures = 0;
  #isStopped = false;
  #next = 0;

  /** @param onTold Behind each message, and behind its exit. */
  constructor(
    ports: () => readonly number[],
    hello: ConstructorParameters<typeof SyncClient>[1] = {},
    onTold: () => void = () => {},
  ) {
    this.#ports = ports;
    this.#hello = hello;
    this.#onTold = onTold;
    this.#dial();
  }

  get isInSync(): boolean {
    return this.#isSynced;
  }

  stop(): void {
    this.#isStopped = true;
    this.#client?.close();
  }

  #dial(): void {
    if (this.#isStopped || this.hasExited) return;
    const ports = this.#ports();
    const port = ports[this.#next++ % ports.length] ?? 0;
    const socket = connect({ host: "127.0.0.1", port });
    const onError = (): void => {
      if (++this.#failures >= 2 * Math.max(3, ports.length)) {
        this.hasExited = true;
        this.#onTold();
      } else setTimeout(() => this.#dial(), FAILED_DIAL_MS);
    };
    socket.once("error", onError);
    socket.once("connect", () => {
      socket.off("error", onError);
      this.#failures = 0;
      this.dialled.push(port);
      this.#isSynced = false;
      this.#seen.clear();
      this.#client = new SyncClient(socket, this.#hello, (message) => {
        this.#take(message);
        this.#onTold();
      });
      socket.once("close", () => setTimeout(() => this.#dial(), REDIAL_MS));
    });
  }

  #take(message: TyphaMessage): void {
    if (message.type === "MsgSyncStatus") {
      this.statuses.push(message.status);
      if (message.status === 2 && !this.#isSynced) this.#sync();
    }
    if (message.type !== "MsgKVs") return;
    for (const { key, value, updateType } of message.kvs) {
      this.#seen.add(key);
      if (value !== null) this.kvs.set(key, Buffer.from(value).toString("utf8"));
      else if (updateType === 3 && this.kvs.delete(key)) this.deleted.push(key);
    }
  }

  #sync(): void {
    this.#isSynced = true;
    this.syncs++;
    for (const key of this.kvs.keys())
      if (!this.#seen.has(key)) {
        this.kvs.delete(key);
        this.deleted.push(key);
      }
  }
}
