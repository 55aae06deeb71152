/**
 * What a made-up cluster has. Of each endpoint only its hashes and when it was changed are kept, 40
 * bytes: it is made up again when the publisher asks, so that hundreds of clusters fit into one
 * process whose own collector does not stop the load that it makes.
 */
import { HashTrie } from "../../shared/log/hash-trie.ts";
import { CHANNELS } from "../../shared/record/channel.ts";
import type { Channel } from "../../shared/record/channel.ts";
import { encodeChecked, encodeRecord } from "../../shared/record/encoding.ts";
import type { EncodedChange, EncodedRecord } from "../../shared/record/encoding.ts";
import type { CalicoRecord } from "../../shared/record/record.ts";
import type { LocalChange } from "../../relay/publish/local-state.ts";
import type { PublishedState } from "../../relay/publish/differences.ts";
import { madeUpEndpoint } from "./made-up.ts";

const CHANNEL: Channel = "identity";

export class MadeUpState implements PublishedState {
  readonly #cluster: number;
  readonly #tries = new Map<Channel, HashTrie>(
    CHANNELS.map((channel) => [channel, new HashTrie()]),
  );
  /** By endpoint, Unix ms with three decimals; 0 for never. */
  readonly #changedAt: Float64Array;

  /** @param cluster Picks its addresses. */
  constructor(cluster: number, endpoints: number) {
    this.#cluster = cluster;
    this.#changedAt = new Float64Array(endpoints);
  }

  get endpoints(): number {
    return this.#changedAt.length;
  }

  /** It has all its endpoints from now on. */
  fill(): void {
    for (let n = 0; n < this.endpoints; n++) this.#set(n, this.#endpoint(n));
  }

  /** An endpoint gets another label; what a source would tell of it. */
  change(n: number, atMs: number): EncodedChange {
    this.#changedAt[n] = Number(atMs.toFixed(3));
    return this.#endpoint(n);
  }

  applyChange(change: EncodedChange): LocalChange | null {
    if (change.op !== "put") return null;
    const n = this.trie(CHANNEL).tagOf(change.keyHash);
    return n === undefined ? null : this.#set(n, change);
  }

  trie(channel: Channel): HashTrie {
    return this.#tries.get(channel) as HashTrie;
  }

  get(keyHash: Uint8Array): { readonly bytes: Uint8Array } | undefined {
    const n = this.trie(CHANNEL).tagOf(keyHash);
    return n === undefined ? undefined : { bytes: encodeRecord(this.#record(n)) };
  }

  #set(n: number, { keyHash, recordHash, bytes }: EncodedRecord): LocalChange {
    this.trie(CHANNEL).set(keyHash, recordHash, n);
    return { channel: CHANNEL, keyHash, change: { op: "put", bytes } };
  }

  #endpoint(n: number): EncodedRecord {
    const result = encodeChecked(this.#record(n));
    if (result.kind === "problem") throw new Error(`BUG: ${result.problem.rule}`);
    return result.encoded;
  }

  #record(n: number): CalicoRecord {
    const at = this.#changedAt[n] ?? 0;
    return madeUpEndpoint(this.#cluster, n, at === 0 ? "0" : at.toFixed(3));
  }
}
