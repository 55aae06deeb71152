/** What the hub has received of a channel, and how it differs from what a publisher has. */
import { concatBytes, equalBytes } from "../../shared/lib/bytes.ts";
import { LIMITS } from "../../shared/protocol/limits.ts";
import type { HashTrie } from "../../shared/log/hash-trie.ts";
import type { PartitionDigest } from "../../shared/log/partition.ts";
import type { Difference } from "../../shared/protocol/messages.ts";
import type { ChannelLog } from "./channel-log.ts";
import type { LogStore } from "./log-store.ts";

const PAGE = 1_000;

/**
 * Received = admitted, overlaid with what is quarantined: the publisher compares with this, so that a refused record is not sent again and
 * again. [LOG8] Usually nothing is quarantined and it is the admitted set itself.
 */
export function receivedTrie(log: ChannelLog, store: LogStore): HashTrie {
  if (store.quarantineCount(log.channel) === 0) return log.admitted;
  const received = log.admitted.clone();
  let after: Uint8Array = new Uint8Array();
  for (;;) {
    const page = store.quarantinedAfter(log.channel, after, PAGE);
    for (const held of page) received.set(held.keyHash, held.recordHash, 0);
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE) return received;
    after = last.keyHash;
  }
}

/** The answer to `reconcile`: pairs of every partition that differs; the last message says so, also when nothing does. */
export function differences(
  log: ChannelLog,
  store: LogStore,
  leaves: readonly PartitionDigest[],
): Difference[] {
  const received = receivedTrie(log, store);
  const answer: Difference[] = [];
  for (const leaf of leaves) {
    if (equalBytes(received.digestAt(leaf), leaf.digest)) continue;
    const pairs = [...received.entries(leaf)].map((entry) =>
      concatBytes(entry.keyHash, entry.recordHash),
    );
    const perMessage = Math.floor(LIMITS.messageBytes / 2 / 24);
    for (let from = 0; from === 0 || from < pairs.length; from += perMessage)
      answer.push(
        difference(log, leaf, concatBytes(...pairs.slice(from, from + perMessage)), false),
      );
  }
  answer.push(difference(log, { bits: 0, prefix: 0 }, new Uint8Array(), true));
  return answer;
}

function difference(
  log: ChannelLog,
  partition: { readonly bits: number; readonly prefix: number },
  pairs: Uint8Array,
  isLast: boolean,
): Difference {
  return {
    type: "difference",
    channel: log.channel,
    bits: partition.bits,
    prefix: partition.prefix,
    pairs,
    isLast,
  };
}
