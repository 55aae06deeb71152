/**
 * What one event may do for readers beyond sending them what is new: blobs and old frames are read, and leaves hashed, a few milliseconds' worth. What is left
 * is for the next turn, when others have had theirs: a reader's first contact with a large log would take 60 ms at once. [LOG18]
 */
import type { ChannelLog } from "../log/channel-log.ts";

/** Bytes that are read and sent, and what a message costs besides, in bytes: about 4 ms. */
const EVENT_BYTES = 768 * 1024;
const MESSAGE_BYTES = 12 * 1024;
/** Leaves that are hashed for a digest: about 2 ms. */
const DIGEST_LEAVES = 128;

export class EventBudget {
  #left = EVENT_BYTES;
  #leaves = DIGEST_LEAVES;

  renew(): void {
    this.#left = EVENT_BYTES;
    this.#leaves = DIGEST_LEAVES;
  }

  /** Whether there is time for one more message. */
  get hasTime(): boolean {
    return this.#left > 0;
  }

  spend(bytes: number): void {
    this.#left -= MESSAGE_BYTES + bytes;
  }

  /** Whether the log's digest is known; makes some of it where it is not. */
  knowsDigest({ admitted }: ChannelLog): boolean {
    if (admitted.root.digest !== null) return true;
    this.#leaves = admitted.refreshWithin(this.#leaves);
    return admitted.root.digest !== null;
  }
}
