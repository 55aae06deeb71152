/**
 * All records that the hub has received of a channel: those admitted, and those refused, which are
 * kept. A publisher compares with this set, so that a refused record is not sent again and again.
 * [LOG8] A key is in both where some of a record's addresses are refused: it was received as it is
 * kept, and admitted without them [ADM11]. Memory has only the hashes of refused records; the
 * digest of both together costs as much as has changed, for a publisher asks for it whenever it
 * connects. [LOG18]
 */
import { PARTLY_RULE } from "../../../shared/admission/judge.ts";
import { HashTrie } from "../../../shared/log/hash-trie.ts";
import type { Channel } from "../../../shared/record/channel.ts";
import { BUDGETS } from "../budgets/limits.ts";
import type { ChannelStore, QuarantinedRecord } from "./log-store.ts";
import { PairUnion } from "./pair-union.ts";

export class ReceivedSet {
  readonly union: PairUnion;
  readonly #channel: Channel;
  readonly #store: ChannelStore;
  readonly #refused = new HashTrie();
  /** Keys of `#refused` of which a part is admitted. */
  readonly #partly = new HashTrie();
  #keptBytes = 0;

  constructor(channel: Channel, store: ChannelStore, admitted: () => HashTrie) {
    this.#channel = channel;
    this.#store = store;
    this.union = new PairUnion(() => [admitted(), this.#refused, this.#partly]);
  }

  /** Records that are kept because they are refused, as a whole or in part. */
  get refused(): number {
    return this.#refused.size;
  }

  /** Refused records of which a part is admitted. */
  get partly(): number {
    return this.#partly.size;
  }

  /** Bytes of refused records in the store. [LOG68] */
  get keptBytes(): number {
    return this.#keptBytes;
  }

  /** Approximate memory beyond the admitted set. */
  get bytes(): number {
    return this.#refused.bytes + this.#partly.bytes + this.union.bytes;
  }

  /** Reads the stored records; yields the number of each step. */
  *load(): Generator<number, void> {
    for (let after: Uint8Array = new Uint8Array(); ;) {
      const held = this.#store.quarantinedHashes(this.#channel, after, BUDGETS.loadRecords);
      for (const record of held) this.#note(record, record.size);
      const last = held.at(-1);
      if (last === undefined) return;
      yield held.length;
      after = last.keyHash;
    }
  }

  isRefused(keyHash: Uint8Array): boolean {
    return this.#refused.tagOf(keyHash) !== undefined;
  }

  /** The record of a key that is refused. */
  quarantined(keyHash: Uint8Array): QuarantinedRecord | undefined {
    if (!this.isRefused(keyHash)) return undefined;
    return this.#store.quarantined(this.#channel, keyHash);
  }

  /** Call inside the store's transaction, as `release`. */
  quarantine(record: QuarantinedRecord): void {
    if (this.isRefused(record.keyHash)) this.#letGo(record.keyHash);
    this.#note(record, this.#store.quarantine(record));
  }

  #note(
    record: Pick<QuarantinedRecord, "keyHash" | "recordHash" | "rule">,
    keptBytes: number,
  ): void {
    this.#keptBytes += keptBytes;
    const { keyHash, recordHash, rule } = record;
    this.#refused.set(keyHash, recordHash, 0);
    if (rule === PARTLY_RULE) this.#partly.set(keyHash, recordHash, 0);
    else this.#partly.delete(keyHash);
  }

  release(keyHash: Uint8Array): void {
    this.#letGo(keyHash);
    this.#refused.delete(keyHash);
    this.#partly.delete(keyHash);
  }

  #letGo(keyHash: Uint8Array): void {
    this.#keptBytes -= this.#store.release(this.#channel, keyHash);
  }
}
