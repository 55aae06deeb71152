/**
 * The meeting of local and remote keys, for all Felix connections. A local key wins: while a
 * connection holds it, the remote one of the same name is not sent there; when the local one goes,
 * the remote one takes its place. Such keys are rare (remote names are renamed [TYP6]), so only for
 * them the remote value is kept. [TYP14]
 */
import { ByteHash, viewOf } from "../wire/byte-hash.ts";
import { encodeKvs } from "../wire/encode.ts";
import { KeyTable } from "./key-table.ts";
import type { RemoteFeed } from "./remote-feed.ts";
import type { RemoteUpdate } from "./remote-update.ts";

/**
 * Remote updates of one moment, and the messages that hold them all: encoded once, for whoever
 * takes them unchanged.
 */
export interface RemoteBatch {
  readonly updates: readonly RemoteUpdate[];
  /** Numbers of those keys that are some connection's local key. */
  readonly shadowed: ReadonlyMap<RemoteUpdate, number>;
  readonly messages: readonly Uint8Array[];
}

/** Remote key/values of one message. */
const KVS_PER_MESSAGE = 100;

export class KeySpace {
  readonly table: KeyTable;
  readonly #feed: RemoteFeed;
  /** The remote value behind a local key, as an element of `MsgKVs`. */
  readonly #behind = new Map<number, Uint8Array>();
  readonly #listeners = new Set<(batch: RemoteBatch) => void>();
  readonly #hash = new ByteHash();
  readonly #unsubscribe: () => void;

  constructor(feed: RemoteFeed) {
    this.#feed = feed;
    this.table = new KeyTable((id) => this.#behind.delete(id));
    this.#unsubscribe = feed.subscribe((updates) => this.#publish(updates));
  }

  stop(): void {
    this.#unsubscribe();
  }

  subscribe(listener: (batch: RemoteBatch) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The number of a local key that is about to be held. */
  intern(view: DataView, from: number, to: number, hash: number): number {
    const found = this.table.find(view, from, to, hash);
    if (found >= 0) return found;
    const id = this.table.add(view, from, to, hash);
    const remote = this.#feed.find(textOf(view, from, to));
    if (remote !== null) this.#behind.set(id, remote);
    return id;
  }

  /** The remote value that a local key hides. */
  behind(id: number): Uint8Array | null {
    return this.#behind.get(id) ?? null;
  }

  /** Whether a remote has this key, which nobody holds as a local one. */
  isRemote(view: DataView, from: number, to: number): boolean {
    return this.#feed.find(textOf(view, from, to)) !== null;
  }

  /** The number of a local key that somebody holds, or -1. */
  idOf(key: string): number {
    if (this.table.size === 0) return -1;
    const view = viewOf(Buffer.from(key));
    this.#hash.over(view, 0, view.byteLength);
    return this.table.find(view, 0, view.byteLength, this.#hash.first);
  }

  #publish(updates: readonly RemoteUpdate[]): void {
    const shadowed = new Map<RemoteUpdate, number>();
    for (const update of updates) {
      const id = this.idOf(update.key);
      if (id < 0) continue;
      shadowed.set(update, id);
      if (update.isPut) this.#behind.set(id, update.encoded);
      else this.#behind.delete(id);
    }
    if (this.#listeners.size === 0) return;
    const batch = { updates, shadowed, messages: messagesOf(updates.map((u) => u.encoded)) };
    for (const listener of this.#listeners) listener(batch);
  }
}

export function messagesOf(elements: readonly Uint8Array[]): Uint8Array[] {
  const messages: Uint8Array[] = [];
  for (let from = 0; from < elements.length; from += KVS_PER_MESSAGE)
    messages.push(encodeKvs(elements.slice(from, from + KVS_PER_MESSAGE)));
  return messages;
}

function textOf(view: DataView, from: number, to: number): string {
  return Buffer.from(view.buffer, view.byteOffset + from, to - from).toString("utf8");
}
