/**
 * The local state, as the cluster's source tells it: the newest record per key, with the digests
 * that a reconciliation compares.
 */
import { toId } from "../../shared/lib/bytes.ts";
import { HashTrie } from "../../shared/log/hash-trie.ts";
import type { LogChange } from "../../shared/log/payload.ts";
import { channelOf, perChannel } from "../../shared/record/channel.ts";
import type { Channel } from "../../shared/record/channel.ts";
import { hashKey } from "../../shared/record/encoding.ts";
import type { EncodedChange, EncodedRecord } from "../../shared/record/encoding.ts";
import type { DeleteCause } from "../../shared/record/record.ts";

export interface LocalChange {
  readonly channel: Channel;
  readonly keyHash: Uint8Array;
  readonly change: LogChange;
}

export class LocalState {
  /** By the id of the key's hash. */
  readonly #records = new Map<string, EncodedRecord>();
  readonly #tries = perChannel(() => new HashTrie());

  get size(): number {
    return this.#records.size;
  }

  records(): IterableIterator<EncodedRecord> {
    return this.#records.values();
  }

  trie(channel: Channel): HashTrie {
    return this.#tries[channel];
  }

  byKey(key: string): EncodedRecord | undefined {
    return this.get(hashKey(key));
  }

  get(keyHash: Uint8Array): EncodedRecord | undefined {
    return this.#records.get(toId(keyHash));
  }

  /** Holds what a source's change says; `null` when nothing is different. */
  applyChange(change: EncodedChange): LocalChange | null {
    return change.op === "put" ? this.#put(change) : this.#delete(change.key, change.cause);
  }

  #put(encoded: EncodedRecord): LocalChange | null {
    const { record, keyHash, bytes, recordHash } = encoded;
    const channel = channelOf(record.kind);
    if (!this.trie(channel).set(keyHash, recordHash, 0)) return null;
    this.#records.set(toId(keyHash), encoded);
    return { channel, keyHash, change: { op: "put", bytes } };
  }

  #delete(key: string, cause: DeleteCause): LocalChange | null {
    const keyHash = hashKey(key);
    const id = toId(keyHash);
    const held = this.#records.get(id);
    if (held === undefined) return null;
    const channel = channelOf(held.record.kind);
    this.#records.delete(id);
    this.trie(channel).delete(keyHash);
    return { channel, keyHash, change: { op: "delete", keyHash, cause } };
  }
}
