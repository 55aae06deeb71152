/**
 * One channel of one origin, as a feeder gives it on: the last messages that brought its own view
 * to where it stands, unchanged, and the checkpoint of that position. Who stands where one of them
 * begins continues there; who does not is repaired from the view. Nothing is given on that the view
 * has not applied, nor before the hub has confirmed the view on this connection. [FEE3]
 */
import { planResume } from "../../shared/log/cursor.ts";
import type { Cursor } from "../../shared/log/cursor.ts";
import { equalBytes } from "../../shared/lib/bytes.ts";
import type { CatchUp, Checkpoint, Frame } from "../../shared/protocol/messages.ts";

export type TailMessage = Frame | CatchUp;

/** Bytes of payloads that are kept of a channel, for who comes from the other feeder. */
const KEPT_BYTES = 256 * 1024;

export type FeedPlan =
  /** Nothing can be said yet: this feeder is behind, or not sure itself. */
  | { readonly kind: "wait" }
  | { readonly kind: "tail"; readonly messages: readonly TailMessage[] }
  | { readonly kind: "repair"; readonly epoch: string; readonly reason: string };

export class FeedLog {
  #head: Cursor | null = null;
  #tail: TailMessage[] = [];
  #bytes = 0;
  #checkpoint: Checkpoint | null = null;
  /** The hub has told the digest on this connection, and it was equal. */
  #isProven = false;

  /** Where the view stands; `null`: nothing can be given on. */
  get head(): Cursor | null {
    return this.#isProven ? this.#head : null;
  }

  /** Of the head, or of a revision before it. */
  get checkpoint(): Checkpoint | null {
    return this.#checkpoint;
  }

  /** The connection to the hub is over: what is kept holds, if the next one continues it. */
  onDown(): void {
    this.#isProven = false;
  }

  /** The view is repaired, or replaced: its followers are to be repaired after it. */
  onReset(): void {
    this.onDown();
    this.#head = null;
    this.#tail = [];
    this.#bytes = 0;
    this.#checkpoint = null;
  }

  /**
   * The view has applied a message, and stands at `cursor` since.
   * @returns Whether it continues what was given on before.
   */
  onTail(message: TailMessage, cursor: Cursor | null): boolean {
    const { previous, revision } = message;
    const after = message.type === "frame" ? revision - 1 : message.after;
    const head = this.#head;
    if (head === null || cursor === null || cursor.revision !== revision) return false;
    // It was told before, as after the sleep of a hub.
    if (revision <= head.revision) return false;
    const isNext = after === head.revision && equalBytes(previous, head.chain);
    if (!isNext || cursor.epoch !== head.epoch) {
      this.onReset();
      return false;
    }
    this.#head = cursor;
    this.#tail.push(message);
    this.#bytes += message.payload.length;
    while (this.#bytes > KEPT_BYTES && this.#tail.length > 1)
      this.#bytes -= this.#tail.shift()?.payload.length ?? 0;
    return true;
  }

  /** The view was found equal to the origin's log at `cursor`. */
  onProven(checkpoint: Checkpoint, cursor: Cursor): void {
    const head = this.#head;
    const isSame =
      head?.epoch === cursor.epoch &&
      head.revision === cursor.revision &&
      equalBytes(head.chain, cursor.chain);
    if (!isSame) this.onReset();
    this.#head = cursor;
    this.#checkpoint = checkpoint;
    this.#isProven = true;
  }

  /** How a follower that stands at `cursor` goes on. */
  plan(cursor: Cursor | null): FeedPlan {
    const { head } = this;
    if (head === null) return { kind: "wait" };
    const plan = planResume(cursor, {
      epoch: head.epoch,
      head: head.revision,
      chainAt: (revision) => this.#chainAt(revision),
    });
    if (plan.kind === "tail")
      return {
        kind: "tail",
        messages: this.#tail.filter(({ revision }) => revision > plan.after),
      };
    // The other feeder was faster: never back in an epoch. [FEE4]
    if (plan.reason === "ahead-of-log") return { kind: "wait" };
    return { kind: "repair", epoch: head.epoch, reason: plan.reason };
  }

  #chainAt(revision: number): Uint8Array | undefined {
    if (revision === this.#head?.revision) return this.#head.chain;
    const next = this.#tail.find(
      (message) => (message.type === "frame" ? message.revision - 1 : message.after) === revision,
    );
    return next?.previous;
  }
}
