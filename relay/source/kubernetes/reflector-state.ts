/**
 * States, events and effects of a reflector: the words of `reflector.ts`.
 */
import type { Random } from "../../../shared/lib/clock.ts";
import type { Look } from "./silent-watch.ts";

export type Phase =
  | { readonly kind: "idle" }
  | { readonly kind: "listing"; readonly continueToken: string }
  | {
      readonly kind: "watching";
      readonly sinceMs: number;
      readonly hasNews: boolean;
      /** When it is looked at, unless it tells anything. */
      readonly lookDueMs: number;
      /** When a look was begun that has no answer yet. */
      readonly lookMs: number | null;
    }
  | { readonly kind: "waiting"; readonly next: "list" | "watch"; readonly error: string }
  | { readonly kind: "absent" };

export interface ReflectorState {
  readonly phase: Phase;
  /** Where the next watch starts; meaningless before the first complete list. */
  readonly position: string;
  /**
   * When the collection was listed, a watch told anything, or one was believed: it goes on over
   * watches that end without a word.
   */
  readonly signMs: number;
  /** Why the collection cannot be followed; empty: it can, as far as is known. */
  readonly failure: string;
  /** Failures in a row, for the backoff. */
  readonly failures: number;
  /** When the collection was first answered with 404 since it last existed. */
  readonly absentSinceMs: number | null;
  readonly isListed: boolean;
}

export const IDLE: ReflectorState = {
  phase: { kind: "idle" },
  position: "",
  signMs: 0,
  failure: "",
  failures: 0,
  absentSinceMs: null,
  isListed: false,
};

export type ReflectorEvent =
  | { readonly type: "start" }
  | { readonly type: "timer" }
  /** A page came. `continueToken` is empty on the last one. */
  | { readonly type: "page"; readonly position: string; readonly continueToken: string }
  /** A page did not come. `status` is HTTP's or Kubernetes', 0 when there was no answer. */
  | {
      readonly type: "list-failed";
      readonly status: number;
      readonly message: string;
      readonly hasObjects: boolean;
    }
  /** An object or bookmark of the watch: everything up to `position` has been seen. */
  | { readonly type: "progress"; readonly position: string }
  /** The watch ended. `status` 200: in the ordinary way. */
  | { readonly type: "watch-ended"; readonly status: number; readonly message: string }
  /** The time is over that a watch may be silent for. */
  | { readonly type: "silence" }
  | { readonly type: "looked"; readonly look: Look }
  | { readonly type: "look-failed"; readonly message: string }
  /** A line of the watch that is not an event: something was missed. */
  | { readonly type: "unparsable"; readonly message: string };

export type ReflectorEffect =
  | { readonly type: "begin-list" }
  | { readonly type: "list"; readonly continueToken: string }
  /** The list is complete: what it did not show is gone. */
  | { readonly type: "sweep" }
  | { readonly type: "listed" }
  | { readonly type: "watch"; readonly position: string; readonly timeoutSeconds: number }
  | { readonly type: "close-watch" }
  /** Tells `silence` after the time; replaces what was set before. */
  | { readonly type: "expect-sign"; readonly ms: number }
  /** Lists one object. */
  | { readonly type: "look" }
  | { readonly type: "wait"; readonly ms: number };

export interface Step {
  readonly state: ReflectorState;
  readonly effects: readonly ReflectorEffect[];
}

export interface ReflectorContext {
  readonly nowMs: number;
  readonly random: Random;
  /** Longest silence of a watch; tests have less patience. */
  readonly silentMs?: number;
}
