/**
 * What the hub has received of a channel: what was admitted, and what was refused and is kept. A publisher compares with this, so that a refused record is not
 * sent again and again. [LOG8] No key is in both. Of what is refused, memory has the hashes; the digest of both together costs what has changed, for a
 * publisher asks for it whenever it comes. [LOG18]
 */
import { HashTrie } from "../../shared/log/hash-trie.ts";
import type { Channel } from "../../shared/record/channel.ts";
import type { LogStore, QuarantinedRecord } from "./log-store.ts";
import { PairUnion } from "./pair-union.ts";

/** Refused records whose hashes are read at once when an instance starts. */
const LOAD_RECORDS = 500;

export class Received {
  readonly union: PairUnion;
  readonly #channel: Channel;
  readonly #store: LogStore;
  readonly #refused = new HashTrie();

  constructor(channel: Channel, store: LogStore, admitted: () => HashTrie) {
    this.#channel = channel;
    this.#store = store;
    this.union = new PairUnion(() => [admitted(), this.#refused]);
  }

  /** Records that are refused and kept. */
  get refused(): number {
    return this.#refused.size;
  }

  /** What it needs of memory beyond the admitted set, about. */
  get bytes(): number {
    return this.#refused.bytes + this.union.bytes;
  }

  /** Reads what is stored; yields how many records each part had. */
  *load(): Generator<number, void> {
    for (let after: Uint8Array = new Uint8Array(); ;) {
      const held = this.#store.quarantinedHashes(this.#channel, after, LOAD_RECORDS);
      for (const { keyHash, recordHash } of held) this.#refused.set(keyHash, recordHash, 0);
      const last = held.at(-1);
      if (last === undefined) return;
      yield held.length;
      after = last.keyHash;
    }
  }

  /** The record of a key that is refused. */
  quarantined(keyHash: Uint8Array): QuarantinedRecord | undefined {
    if (this.#refused.tagOf(keyHash) === undefined) return undefined;
    return this.#store.quarantined(this.#channel, keyHash);
  }

  /** Call inside the store's transaction, as `release`. */
  quarantine(record: QuarantinedRecord): void {
    this.#store.quarantine(record);
    this.#refused.set(record.keyHash, record.recordHash, 0);
  }

  release(keyHash: Uint8Array): void {
    this.#store.release(this.#channel, keyHash);
    this.#refused.delete(keyHash);
  }
}
