/**
 * Work that one event may do for readers beyond sending them what is new: blobs and old frames are
 * read, and leaves hashed, a few milliseconds' worth. The rest is for the next turn, when others
 * have had theirs: a reader's first contact with a large log would take 60 ms at once. [LOG18]
 */
import type { HashTrie } from "../../../shared/log/hash-trie.ts";
import { BUDGETS } from "./limits.ts";

export class EventBudget {
  #bytes: number = BUDGETS.eventBytes;
  #leaves: number = BUDGETS.eventDigestLeaves;

  /** At the start of every event. */
  renew(): void {
    this.#bytes = BUDGETS.eventBytes;
    this.#leaves = BUDGETS.eventDigestLeaves;
  }

  /** Whether there is time for one more message. */
  get hasTime(): boolean {
    return this.#bytes > 0;
  }

  /** @param bytes Of a message that is read and sent. */
  spend(bytes: number): void {
    this.#bytes -= BUDGETS.eventMessageBytes + bytes;
  }

  /** Computes digests as far as the budget goes; answers whether the set's digest is known then. */
  computeDigest(set: HashTrie): boolean {
    if (set.root.digest !== null) return true;
    this.#leaves = set.refreshWithin(this.#leaves);
    return set.root.digest !== null;
  }
}
