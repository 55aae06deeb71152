/** What a channel holds that its log confirms, as a feeder gives it on. */
import type { HashTrie } from "../../shared/log/hash-trie.ts";
import type { Partition } from "../../shared/log/partition.ts";
import type { ReadRecord } from "./view-storage.ts";

export interface ConfirmedChannel {
  readonly trie: HashTrie;
  /** Canonical bytes of the records of a partition, read as they are asked for. */
  bytesOf(partition: Partition): Iterable<Uint8Array>;
}

export function confirmedChannel(trie: HashTrie, read: ReadRecord): ConfirmedChannel {
  return {
    trie,
    *bytesOf(partition) {
      for (const { tag } of trie.entries(partition)) yield read(tag).bytes;
    },
  };
}
