/** What this cluster has, as its source says it: the newest record per key, with the digests that a reconciliation compares. */
import { toId } from "../../shared/lib/bytes.ts";
import { HashTrie } from "../../shared/log/hash-trie.ts";
import type { LogChange } from "../../shared/log/payload.ts";
import { channelOf, CHANNELS } from "../../shared/record/channel.ts";
import type { Channel } from "../../shared/record/channel.ts";
import { encodeRecord, hashKey, hashRecord } from "../../shared/record/encoding.ts";
import { keyOf } from "../../shared/record/key.ts";
import type { CalicoRecord, RecordChange } from "../../shared/record/record.ts";

export interface LocalRecord {
  readonly record: CalicoRecord;
  readonly key: string;
  readonly channel: Channel;
  readonly keyHash: Uint8Array;
  readonly bytes: Uint8Array;
}

export interface LocalChange {
  readonly channel: Channel;
  readonly keyHash: Uint8Array;
  readonly change: LogChange;
}

export class LocalState {
  readonly #records = new Map<string, LocalRecord>();
  readonly #byHash = new Map<string, LocalRecord>();
  readonly #tries = new Map<Channel, HashTrie>(
    CHANNELS.map((channel) => [channel, new HashTrie()]),
  );

  get size(): number {
    return this.#records.size;
  }

  records(): IterableIterator<LocalRecord> {
    return this.#records.values();
  }

  trie(channel: Channel): HashTrie {
    return this.#tries.get(channel) as HashTrie;
  }

  byKey(key: string): LocalRecord | undefined {
    return this.#records.get(key);
  }

  get(keyHash: Uint8Array): LocalRecord | undefined {
    return this.#byHash.get(toId(keyHash));
  }

  /** Takes a source's change; `null` when nothing is different. */
  apply(change: RecordChange): LocalChange | null {
    return change.op === "put" ? this.#put(change.record) : this.#delete(change.key, change.cause);
  }

  #put(record: CalicoRecord): LocalChange | null {
    const key = keyOf(record);
    const bytes = encodeRecord(record);
    const channel = channelOf(record.kind);
    const keyHash = hashKey(key);
    if (!this.trie(channel).set(keyHash, hashRecord(bytes), 0)) return null;
    const local: LocalRecord = { record, key, channel, keyHash, bytes };
    this.#records.set(key, local);
    this.#byHash.set(toId(keyHash), local);
    return { channel, keyHash, change: { op: "put", bytes } };
  }

  #delete(key: string, cause: "observed" | "inferred"): LocalChange | null {
    const local = this.#records.get(key);
    if (local === undefined) return null;
    this.#records.delete(key);
    this.#byHash.delete(toId(local.keyHash));
    this.trie(local.channel).delete(local.keyHash);
    return {
      channel: local.channel,
      keyHash: local.keyHash,
      change: { op: "delete", keyHash: local.keyHash, cause },
    };
  }
}
