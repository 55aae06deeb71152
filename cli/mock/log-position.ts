/**
 * Where a reader that keeps nothing stands in a log, so that a hub that has slept goes on from
 * there as with any other. [LOG10]
 */
import { nextChain, NO_CHAIN } from "../../shared/log/cursor.ts";
import type { Cursor } from "../../shared/log/cursor.ts";
import type { CatchUp, Frame, RepairPlan, WatchMessage } from "../../shared/protocol/messages.ts";

export class LogPosition {
  #last: Frame | CatchUp | RepairPlan | null = null;
  #blobsLeft = 0;

  advance(message: WatchMessage): void {
    if (message.type === "blob") this.#blobsLeft--;
    if (message.type === "repair-plan") this.#blobsLeft = message.blobs;
    if (message.type === "frame" || message.type === "catch-up" || message.type === "repair-plan")
      this.#last = message;
  }

  /** What it acknowledges. The chain is a hash: made when it is asked for, not with each frame. */
  get acknowledged(): Omit<Cursor, "epoch"> {
    const last = this.#last;
    if (last === null || this.#blobsLeft > 0) return { revision: 0, chain: NO_CHAIN };
    if (last.type === "repair-plan") return { revision: last.after, chain: last.chain };
    const { revision, previous, payload } = last;
    const chain = last.type === "frame" ? nextChain(previous, revision, payload) : last.chain;
    return { revision, chain };
  }
}
