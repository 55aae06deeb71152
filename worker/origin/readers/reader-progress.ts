/**
 * Progress of a reader in one channel, as a pure state machine. A reader resumes from a position of
 * its own, or it is repaired: it is asked for its digests, and is sent a plan, the plan's blobs and
 * the frames behind them.
 *
 *     hello without a good position            hello with one
 *                 │                                  │
 *                 ▼           (1) a frame or blob    │
 *     ┌──────▶ ask-due ◀──── is no longer stored ────┼──────────────┐
 *     │           │ asked                            │              │
 *     │           ▼                                  ▼ resumed      │
 *     │      repair-asked                         frames ───────────┤
 *     │           │ leaves                           ▲              │
 *     │           ▼              planned, no blobs   │ last blob    │
 *     └─(1)── plan-due ──────────────────────────────┤              │
 *                 │ planned                          │              │
 *                 └────────────▶ blobs ──────────────┘              │
 *                                  └──────────────────(1)───────────┘
 *
 * Leaves that come in any state are answered by a plan (`plan-due`), for a view may ask on its own.
 */
import type { Partition, PartitionDigest } from "../../../shared/log/partition.ts";

export type Progress =
  /** It is asked for its digests once anything may be sent. */
  | { readonly phase: "ask-due"; readonly reason: string }
  | { readonly phase: "repair-asked" }
  /** It is sent a plan once anything may be sent, and the log's digest is known. */
  | { readonly phase: "plan-due"; readonly leaves: readonly PartitionDigest[] }
  /** It is sent blobs from index `next`; then frames after `after`. */
  | {
      readonly phase: "blobs";
      readonly blobs: readonly Partition[];
      readonly next: number;
      readonly after: number;
    }
  /**
   * It is sent frames from `next`; above the head it is live. `base`: revision at which the frames
   * of its repair began; `null` where it resumed. `isCheckpointDue`: it is sent a checkpoint as
   * soon as it is at the head.
   */
  | {
      readonly phase: "frames";
      readonly base: number | null;
      readonly next: number;
      readonly isCheckpointDue: boolean;
    };

export type ProgressEvent =
  /** The reader has a position that the log can go on from. */
  | { readonly kind: "resumed"; readonly after: number }
  /** Nothing can go on from where the reader is: no position, or no longer stored. */
  | { readonly kind: "repair-needed"; readonly reason: string }
  | { readonly kind: "asked" }
  | { readonly kind: "leaves"; readonly leaves: readonly PartitionDigest[] }
  | { readonly kind: "planned"; readonly blobs: readonly Partition[]; readonly after: number }
  | { readonly kind: "blob-sent" }
  | { readonly kind: "frames-sent"; readonly upTo: number }
  | { readonly kind: "checkpoint-due" }
  | { readonly kind: "checkpoint-sent" };

/** The state after an event; the same object where the event changes nothing in this state. */
export function nextProgress(state: Progress, event: ProgressEvent): Progress {
  switch (event.kind) {
    case "resumed":
      return framesFrom(event.after + 1, null, true);
    case "repair-needed":
      return { phase: "ask-due", reason: event.reason };
    case "leaves":
      return { phase: "plan-due", leaves: event.leaves };
    case "asked":
      return state.phase === "ask-due" ? { phase: "repair-asked" } : state;
    case "planned": {
      if (state.phase !== "plan-due") return state;
      const { blobs, after } = event;
      if (blobs.length === 0) return framesFrom(after + 1, after, true);
      return { phase: "blobs", blobs, next: 0, after };
    }
    case "blob-sent":
      return state.phase === "blobs" ? afterBlob(state) : state;
    case "frames-sent":
      return state.phase === "frames"
        ? framesFrom(event.upTo + 1, state.base, state.isCheckpointDue)
        : state;
    case "checkpoint-due":
      return withCheckpoint(state, true);
    case "checkpoint-sent":
      return withCheckpoint(state, false);
  }
}

/**
 * Whether the reader has reached a revision by what it was sent. An acknowledgement that was under
 * way when a repair was asked for, or that tells how far the reader is with what it had before,
 * names a position of before.
 */
export function hasReached(state: Progress, revision: number): boolean {
  if (revision === 0 || state.phase !== "frames") return false;
  return state.base === null || (revision >= state.base && revision < state.next);
}

/** A literal, for each frame to each reader makes one: a spread takes several times as long. */
function framesFrom(next: number, base: number | null, isCheckpointDue: boolean): Progress {
  return { phase: "frames", base, next, isCheckpointDue };
}

function afterBlob(state: Progress & { readonly phase: "blobs" }): Progress {
  const { blobs, after } = state;
  const next = state.next + 1;
  return next < blobs.length ? { ...state, next } : framesFrom(after + 1, after, true);
}

function withCheckpoint(state: Progress, isCheckpointDue: boolean): Progress {
  if (state.phase !== "frames" || state.isCheckpointDue === isCheckpointDue) return state;
  return framesFrom(state.next, state.base, isCheckpointDue);
}
