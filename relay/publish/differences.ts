/**
 * Changes that make the hub's log of a channel equal to the local state: by the hashes of both.
 * [PUB2]
 */
import { toId } from "../../shared/lib/bytes.ts";
import type { Partition } from "../../shared/log/partition.ts";
import type { LogChange } from "../../shared/log/payload.ts";
import type { Channel } from "../../shared/record/channel.ts";
import { HASH_BYTES } from "../../shared/record/encoding.ts";
import type { LocalState } from "./local-state.ts";

/** A key's hash and its record's. */
const PAIR_BYTES = 2 * HASH_BYTES;

/** The part of the local state that a publisher reads and changes. */
export type PublishedState = Pick<LocalState, "applyChange" | "trie"> & {
  get(keyHash: Uint8Array): { readonly bytes: Uint8Array } | undefined;
};

/**
 * @param pairs What the hub has in the partition.
 * @returns What makes it equal, by the id of the key.
 */
export function differences(
  local: PublishedState,
  channel: Channel,
  partition: Partition,
  pairs: readonly Uint8Array[],
): Map<string, LogChange> {
  const changes = new Map<string, LogChange>();
  const theirs = new Map<string, string>();
  const trie = local.trie(channel);
  for (const page of pairs)
    for (let at = 0; at + PAIR_BYTES <= page.length; at += PAIR_BYTES) {
      const keyHash = page.slice(at, at + HASH_BYTES);
      theirs.set(toId(keyHash), toId(page.subarray(at + HASH_BYTES, at + PAIR_BYTES)));
      if (trie.get(keyHash) === undefined)
        changes.set(toId(keyHash), { op: "delete", keyHash, cause: "inferred" });
    }
  for (const entry of trie.entries(partition)) {
    const id = toId(entry.keyHash);
    if (theirs.get(id) === toId(entry.recordHash)) continue;
    const own = local.get(entry.keyHash);
    if (own !== undefined) changes.set(id, { op: "put", bytes: own.bytes });
  }
  return changes;
}
