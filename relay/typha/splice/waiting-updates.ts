/**
 * Remote updates that one Felix is not ready for, the newest of each key, and whether Felix has the
 * key. That tells what the update is to Felix in the end: new, updated, deleted, or nothing. Felix
 * counts hosts and endpoints by these types. [TYP28]
 */
import { withType } from "../wire/encode.ts";
import { UPDATE_TYPE } from "../wire/messages.ts";
import type { RemoteUpdate } from "./remote-update.ts";

export interface WaitingUpdate {
  readonly encoded: Uint8Array;
  readonly isPut: boolean;
  /** Felix was told of the key before the first of its updates that wait. */
  readonly isSent: boolean;
}

export class WaitingUpdates {
  readonly #updates = new Map<string, WaitingUpdate>();

  get size(): number {
    return this.#updates.size;
  }

  entries(): IterableIterator<[string, WaitingUpdate]> {
    return this.#updates.entries();
  }

  /**
   * @param isSent Whether Felix has the key, where none of its updates waits yet. By default it
   *   has what
   * was there before: a feed that has told it everything says "new" of all else.
   */
  add({ key, encoded, isPut, isNew }: RemoteUpdate, isSent = !isNew): void {
    this.#updates.set(key, { encoded, isPut, isSent: this.#updates.get(key)?.isSent ?? isSent });
  }

  addAll(updates: Iterable<readonly [string, WaitingUpdate]>): void {
    for (const [key, update] of updates) this.#updates.set(key, update);
  }

  clear(): void {
    this.#updates.clear();
  }

  /** Elements of `MsgKVs` for Felix, each with the type that it has there; nothing waits then. */
  drain(isHidden: (key: string) => boolean): Uint8Array[] {
    const elements: Uint8Array[] = [];
    for (const [key, { encoded, isPut, isSent }] of this.#updates) {
      if (isHidden(key) || (!isPut && !isSent)) continue;
      const type = isSent ? UPDATE_TYPE.updated : UPDATE_TYPE.new;
      elements.push(isPut ? withType(encoded, type) : encoded);
    }
    this.#updates.clear();
    return elements;
  }
}
