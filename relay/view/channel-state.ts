/**
 * The state machine of one channel's view: where it stands against the origin's log. Pure and
 * total; what the view holds is in `held-records.ts`. [VIE17] [VIE21] [VIE22]
 *
 *        ┌────────────── connected, replaced ──────────────────┐
 *        ▼                                                     │
 *   ┌──────────┐  repair-plan   ┌───────────┐  last blob   ┌───┴─────────┐
 *   │ unplaced ├───────────────▶│ repairing ├─────────────▶│ catching-up │
 *   └────┬─────┘                └───┬───────┘              └───┬─────┬───┘
 *        │ repair-needed            │ tail                gap  │     │ at the plan's head:
 *        ▼                          ▼                          ▼     │ applied, checkpoint
 *   ┌──────────────┐◀───────────────┴──────────────────────────┘     ▼
 *   │ repair-asked │       gap, other chain, other digest      ┌───────────┐
 *   │              │◀──────────────────────────────────────────┤ following │
 *   └────┬─────────┘──────── connected, with a position ──────▶└───────────┘
 *        └─ repair-plan: repairing
 *
 * `repair-needed` and `unreadable` lead from every state to `repair-asked`, a plan to `repairing`
 * (or `catching-up`, when it has no blobs). A repair that breaks off leaves no position: what it
 * has brought is held, and asked for again by digest.
 */
import { equalBytes } from "../../shared/lib/bytes.ts";
import { assertNever } from "../../shared/lib/assert.ts";
import type { Cursor } from "../../shared/log/cursor.ts";

/** A digest that was found equal to the origin's, and at which revision. */
export interface Verified {
  readonly revision: number;
  readonly digest: Uint8Array;
}

export type ChannelState =
  /** Of no log's position: whatever is held is asked for by digest. */
  | { readonly kind: "unplaced" }
  /** Holds what the log has at `cursor`. */
  | {
      readonly kind: "following";
      readonly cursor: Cursor;
      /** The last one; it may be of a revision before `cursor`. `null`: none since the repair. */
      readonly verified: Verified | null;
    }
  /** The leaves' digests are sent; the plan is to come. */
  | {
      readonly kind: "repair-asked";
      /** Where it goes on if the connection ends before; `null`: nowhere. */
      readonly cursor: Cursor | null;
      readonly verified: Verified | null;
    }
  /** The plan's blobs are coming. */
  | {
      readonly kind: "repairing";
      readonly cursor: Cursor;
      readonly blobsLeft: number;
      readonly until: number;
    }
  /** All blobs are there; the tail is to reach the revision that the newest of them was made at. */
  | { readonly kind: "catching-up"; readonly cursor: Cursor; readonly until: number };

export type ChannelEvent =
  /** A connection begins. */
  | { readonly type: "connected" }
  /** The held records were replaced by others, of no log's position. */
  | { readonly type: "replaced" }
  /** The hub cannot go on from the position that it was told. */
  | { readonly type: "repair-needed" }
  /** A message has a payload that cannot be read. */
  | { readonly type: "unreadable" }
  | {
      readonly type: "repair-plan";
      readonly plan: {
        readonly epoch: string;
        readonly head: number;
        readonly blobs: number;
        readonly after: number;
        readonly chain: Uint8Array;
      };
    }
  | { readonly type: "blob"; readonly revision: number }
  | {
      readonly type: "tail";
      readonly tail: {
        readonly after: number;
        readonly previous: Uint8Array;
        readonly revision: number;
        readonly chain: Uint8Array;
      };
    }
  /** The changes of a message are applied. `hasDeferred`: some keys wait for the log's head. */
  | { readonly type: "applied"; readonly hasDeferred: boolean }
  | { readonly type: "checkpoint"; readonly epoch: string; readonly revision: number }
  /** The digest of what is held was compared with that of a checkpoint which was to be applied. */
  | { readonly type: "compared"; readonly isEqual: boolean; readonly verified: Verified };

/** The use that the view makes of the message: `ask` sends the leaves. */
export type Verdict = "apply" | "ignore" | "ask";

export interface ChannelStep {
  readonly state: ChannelState;
  readonly verdict: Verdict;
}

export const UNPLACED: ChannelState = { kind: "unplaced" };

export function nextChannelState(state: ChannelState, event: ChannelEvent): ChannelStep {
  switch (event.type) {
    case "connected":
      return apply(onConnected(state));
    case "replaced":
      return apply(UNPLACED);
    case "repair-needed":
      return askRepair(state, verifiedIn(state));
    case "unreadable":
      return askRepair(state, null);
    case "repair-plan":
      return apply(onPlan(event.plan));
    case "blob":
      return onBlob(state, event.revision);
    case "tail":
      return onTail(state, event.tail);
    case "applied":
      return onApplied(state, event.hasDeferred);
    case "checkpoint":
      return onCheckpoint(state, event);
    case "compared":
      if (state.kind !== "following") return ignore(state);
      return event.isEqual ? apply({ ...state, verified: event.verified }) : askRepair(state, null);
    default:
      return assertNever(event);
  }
}

/** Where the view stands, also in a repair; `null`: nowhere. */
export function cursorIn(state: ChannelState): Cursor | null {
  return state.kind === "unplaced" ? null : state.cursor;
}

export function verifiedIn(state: ChannelState): Verified | null {
  return state.kind === "following" || state.kind === "repair-asked" ? state.verified : null;
}

/** The position up to which the view has everything: where a connection goes on. */
export function positionIn(state: ChannelState): Cursor | null {
  return state.kind === "following" || state.kind === "repair-asked" ? state.cursor : null;
}

export function isRepair(
  state: ChannelState,
): state is Extract<ChannelState, { kind: "repairing" | "catching-up" }> {
  return state.kind === "repairing" || state.kind === "catching-up";
}

function apply(state: ChannelState): ChannelStep {
  return { state, verdict: "apply" };
}

function ignore(state: ChannelState): ChannelStep {
  return { state, verdict: "ignore" };
}

function askRepair(state: ChannelState, verified: Verified | null): ChannelStep {
  return {
    state: { kind: "repair-asked", cursor: positionIn(state), verified },
    verdict: "ask",
  };
}

function onConnected(state: ChannelState): ChannelState {
  if (isRepair(state)) return UNPLACED;
  if (state.kind !== "repair-asked") return state;
  const { cursor, verified } = state;
  return cursor === null ? UNPLACED : { kind: "following", cursor, verified };
}

function onPlan(plan: Extract<ChannelEvent, { type: "repair-plan" }>["plan"]): ChannelState {
  const cursor = { epoch: plan.epoch, revision: plan.after, chain: plan.chain };
  return plan.blobs === 0
    ? { kind: "catching-up", cursor, until: plan.head }
    : { kind: "repairing", cursor, blobsLeft: plan.blobs, until: plan.head };
}

function onBlob(state: ChannelState, revision: number): ChannelStep {
  if (state.kind !== "repairing") return ignore(state);
  const { cursor } = state;
  const until = Math.max(state.until, revision);
  const blobsLeft = state.blobsLeft - 1;
  return apply(
    blobsLeft === 0
      ? { kind: "catching-up", cursor, until }
      : { kind: "repairing", cursor, blobsLeft, until },
  );
}

function onTail(
  state: ChannelState,
  { after, previous, revision, chain }: Extract<ChannelEvent, { type: "tail" }>["tail"],
): ChannelStep {
  if (state.kind === "unplaced" || state.kind === "repair-asked") return ignore(state);
  // The tail follows the blobs: one that comes before has lost some.
  if (state.kind === "repairing") return askRepair(state, null);
  const { cursor } = state;
  if (revision <= cursor.revision) return ignore(state);
  // A tail that begins before the position (a hub that slept goes on from what was acknowledged)
  // says the newest of each key all the same. [VIE16]
  const isOtherChain = after === cursor.revision && !equalBytes(previous, cursor.chain);
  if (after > cursor.revision || isOtherChain) return askRepair(state, null);
  return apply({ ...state, cursor: { epoch: cursor.epoch, revision, chain } });
}

/**
 * A tail says of each key the newest change only, and of one that has changed behind its end it
 * says nothing: what was deferred waits for the log's head, which a checkpoint tells.
 */
function onApplied(state: ChannelState, hasDeferred: boolean): ChannelStep {
  if (hasDeferred || state.kind !== "catching-up" || !isAtHead(state)) return ignore(state);
  return apply(followingAt(state.cursor));
}

/** A checkpoint is of the log's head: a view that stands there has all there is. */
function onCheckpoint(
  state: ChannelState,
  { epoch, revision }: { readonly epoch: string; readonly revision: number },
): ChannelStep {
  if (state.kind === "unplaced" || state.kind === "repair-asked") return ignore(state);
  if (state.cursor.epoch !== epoch || state.cursor.revision !== revision) return ignore(state);
  if (state.kind === "following") return apply(state);
  // fault: repaired-at-head
  return isAtHead(state) ? apply(followingAt(state.cursor)) : ignore(state);
}

function isAtHead(state: Extract<ChannelState, { kind: "repairing" | "catching-up" }>): boolean {
  return state.kind === "catching-up" && state.cursor.revision >= state.until;
}

function followingAt(cursor: Cursor): ChannelState {
  return { kind: "following", cursor, verified: null };
}
