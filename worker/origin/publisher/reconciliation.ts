/**
 * The answer to a publisher's `reconcile`: the differences between its channel and the records that
 * the hub has received, in steps, for it may be all there is.
 */
import { LIMITS } from "../../../shared/protocol/limits.ts";
import type { Partition, PartitionDigest } from "../../../shared/log/partition.ts";
import { WHOLE } from "../../../shared/log/partition.ts";
import type { Difference } from "../../../shared/protocol/messages.ts";
import { PAIR_BYTES } from "../../../shared/log/trie-leaf.ts";
import { BUDGETS } from "../budgets/limits.ts";
import type { ChannelLog } from "../log/channel-log.ts";

/** Pairs in one message. */
const MESSAGE_PAIRS = Math.floor(LIMITS.messageBytes / 2 / PAIR_BYTES);

export class Reconciliation {
  readonly #log: ChannelLog;
  readonly #leaves: readonly PartitionDigest[];
  #at = 0;

  /** @param leaves The publisher's leaves, in order. */
  constructor(log: ChannelLog, leaves: readonly PartitionDigest[]) {
    this.#log = log;
    this.#leaves = leaves;
  }

  get isDone(): boolean {
    return this.#at > this.#leaves.length;
  }

  /**
   * The next messages: pairs of every partition that differs; the last message is marked, also
   * when nothing differs.
   */
  step(): Difference[] {
    const { union } = this.#log.received;
    const answer: Difference[] = [];
    let bytes = 0;
    for (let done = 0; done < BUDGETS.reconcileLeaves; done++) {
      if (answer.length >= BUDGETS.reconcileMessages || bytes >= BUDGETS.reconcilePairBytes)
        return answer;
      const leaf = this.#leaves[this.#at++];
      if (leaf === undefined) return [...answer, this.#difference(WHOLE, new Uint8Array(), true)];
      if (union.matches(leaf)) continue;
      const pairs = union.pairs(leaf);
      bytes += pairs.length;
      for (let from = 0; from === 0 || from < pairs.length; from += MESSAGE_PAIRS * PAIR_BYTES)
        answer.push(
          this.#difference(leaf, pairs.subarray(from, from + MESSAGE_PAIRS * PAIR_BYTES), false),
        );
    }
    return answer;
  }

  #difference({ bits, prefix }: Partition, pairs: Uint8Array, isLast: boolean): Difference {
    return { type: "difference", channel: this.#log.channel, bits, prefix, pairs, isLast };
  }
}
