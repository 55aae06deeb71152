/** The outcome of a message to a view: for its listeners, its file and the hub. */
import type { Message } from "../../shared/protocol/messages.ts";
import type { ViewChange } from "./held-records.ts";

/** The outcome of one message. */
export interface ViewOutcome {
  readonly changes: readonly ViewChange[];
  /** The message belongs into the view's file. */
  readonly persist: boolean;
  /** A repair is needed: send the leaves. */
  readonly repair: boolean;
}

/** The message changes nothing. */
export const NOTHING: ViewOutcome = { changes: [], persist: false, repair: false };
/** The leaves are to be sent, and that is all. */
export const REPAIR: ViewOutcome = { changes: [], persist: false, repair: true };

/** The outcome of two messages, one after the other. */
export function bothOf(first: ViewOutcome, second: ViewOutcome): ViewOutcome {
  return {
    changes: [...first.changes, ...second.changes],
    persist: first.persist || second.persist,
    repair: first.repair || second.repair,
  };
}

/** What became of a message. */
export interface ReceivedChanges {
  readonly changes: readonly ViewChange[];
  /** To the hub. */
  readonly answer: Message | null;
  /** With the message the view would hold more than it may: it is as if it had not come. */
  readonly isRefused?: true;
}
