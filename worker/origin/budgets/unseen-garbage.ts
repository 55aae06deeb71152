/**
 * Memory that V8 leaves for long. What a connection or a request held outside of V8's heap is freed
 * when V8 collects the small object that stands for it, and V8 does so when its own heap is full:
 * after 100,000 connections, which held 9 GB. So are the thousands of leaves of a question that
 * waited for its turn: 400 MB in 40 s of one member's `reconcile`s. So what may have been left is
 * counted, and a full collection is asked for before it is much. [LOG73]
 */
import { messageTypeOf } from "../../../shared/protocol/codec.ts";
import { BUDGETS } from "./limits.ts";
import { hasPrice } from "./member-work.ts";

export class UnseenGarbage {
  readonly #collect: () => void;
  #bytes = 0;

  /** @param collect Stops the process for some 40 ms. */
  constructor(collect: () => void) {
    this.#collect = collect;
  }

  socketClosed(): void {
    this.#left(BUDGETS.socketUnseenBytes);
  }

  requestCame(): void {
    this.#left(BUDGETS.requestUnseenBytes);
  }

  messageCame(message: Uint8Array): void {
    if (hasPrice(messageTypeOf(message))) this.#left(BUDGETS.messageUnseenShare * message.length);
  }

  #left(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes < BUDGETS.unseenBytes) return;
    this.#bytes = 0;
    this.#collect();
  }
}

/** A full collection, where the runtime has one to call (`--expose-gc`); else nothing. */
export function collectorOf(scope: object): () => void {
  const collect: unknown = Reflect.get(scope, "gc");
  return typeof collect === "function" ? () => void collect.call(scope) : () => undefined;
}
