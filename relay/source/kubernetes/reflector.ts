/**
 * How one collection is followed: list it in pages, watch from the list's position, and never stop.
 * A reducer `(state, event) → (state, effects)` without clock, socket or JSON, so that tests drive
 * every path of it; `run-reflector.ts` is the shell.
 *
 * Positions (`resourceVersion`) are opaque: kept and sent back, compared only to doubt a watch
 * (`silent-watch.ts`). What happens on each failure, and what makes the next attempt different, is
 * [SRC30..SRC38]: client-go's reflector is the model; `@kubernetes/client-node`'s gives up on
 * errors and drops unparsable lines silently, so it is not used.
 */
import { backoffMs } from "../../../shared/lib/backoff.ts";
import type { BackoffPolicy } from "../../../shared/lib/backoff.ts";
import type {
  Phase,
  ReflectorContext,
  ReflectorEffect,
  ReflectorEvent,
  ReflectorState,
  Step,
} from "./reflector-state.ts";
import { AFTER_FAILURE_MS, disbelief, isBefore, SILENT_MS } from "./silent-watch.ts";

export const LIST_LIMIT = 500;
export const BACKOFF: BackoffPolicy = { baseMs: 200, capMs: 30_000 };
/** How often an absent collection (its CRD is not installed) is looked for again. */
export const ABSENT_PROBE_MS = 60_000;
/**
 * A collection that had objects must be absent for so long before its objects are taken for gone.
 */
export const ABSENT_GRACE_MS = 60_000;
/** A watch that ended after so long, or brought anything, was healthy. */
export const HEALTHY_MS = 5000;
/** A single watch that breaks is no news. */
const WATCH_FAILURES_TO_TELL = 2;
/**
 * After so many failed watches in a row the position is given up: a restored server may never reach
 * it.
 */
const WATCH_FAILURES_BEFORE_RELIST = 4;
/**
 * The server is asked to end a watch after five to ten minutes, spread so that they do not all come
 * back together.
 */
const SERVER_TIMEOUT_S = { min: 300, spread: 300 };

/** Total: an event that does not fit the phase (late news of a closed watch) changes nothing. */
export function stepReflector(
  state: ReflectorState,
  event: ReflectorEvent,
  context: ReflectorContext,
): Step {
  switch (event.type) {
    case "start":
      return state.phase.kind === "idle" ? startList(state) : { state, effects: [] };
    case "timer":
      return onTimer(state, context);
    case "page":
      return state.phase.kind === "listing"
        ? onPage(state, event, context)
        : { state, effects: [] };
    case "list-failed":
      return state.phase.kind === "listing"
        ? onListFailed(state, event, context)
        : { state, effects: [] };
    case "progress":
      return state.phase.kind === "watching"
        ? onProgress(state, state.phase, event.position, context)
        : { state, effects: [] };
    case "silence":
      return state.phase.kind === "watching"
        ? onSilence(state, state.phase, context)
        : { state, effects: [] };
    case "looked":
    case "look-failed":
      return state.phase.kind === "watching" && state.phase.lookMs !== null
        ? onLooked(state, state.phase, event, context)
        : { state, effects: [] };
    case "watch-ended":
      return state.phase.kind === "watching"
        ? onWatchEnded(state, state.phase, event, context)
        : { state, effects: [] };
    case "unparsable":
      if (state.phase.kind !== "watching") return { state, effects: [] };
      return withEffectFirst({ type: "close-watch" }, wait(state, "list", event.message, context));
  }
}

function startList(state: ReflectorState): Step {
  return {
    state: { ...state, phase: { kind: "listing", continueToken: "" } },
    effects: [{ type: "begin-list" }, { type: "list", continueToken: "" }],
  };
}

function startWatch(state: ReflectorState, context: ReflectorContext): Step {
  const { nowMs, random, silentMs = SILENT_MS } = context;
  // A server that was away may have come back with another store.
  const doubtMs = state.failures > 0 ? nowMs + Math.min(AFTER_FAILURE_MS, silentMs) : Infinity;
  const lookDueMs = Math.min(state.signMs + silentMs, doubtMs);
  const timeoutSeconds = Math.round(SERVER_TIMEOUT_S.min + SERVER_TIMEOUT_S.spread * random());
  return {
    state: {
      ...state,
      phase: { kind: "watching", sinceMs: nowMs, hasNews: false, lookDueMs, lookMs: null },
    },
    effects: [
      { type: "watch", position: state.position, timeoutSeconds },
      { type: "expect-sign", ms: Math.max(0, lookDueMs - nowMs) },
    ],
  };
}

type Watching = Extract<Phase, { kind: "watching" }>;

function onProgress(
  state: ReflectorState,
  phase: Watching,
  position: string,
  context: ReflectorContext,
): Step {
  if (isBefore(position, state.position)) {
    const message = `the watch went back from ${state.position} to ${position}`;
    return withEffectFirst({ type: "close-watch" }, wait(state, "list", message, context));
  }
  return {
    state: {
      ...state,
      failures: 0,
      failure: "",
      position: position === "" ? state.position : position,
      signMs: context.nowMs,
      phase: {
        ...phase,
        hasNews: true,
        lookDueMs: context.nowMs + (context.silentMs ?? SILENT_MS),
      },
    },
    effects: [],
  };
}

/** A sign since then puts it off; a look that is under way is waited for. */
function onSilence(state: ReflectorState, phase: Watching, context: ReflectorContext): Step {
  const { nowMs } = context;
  const leftMs = phase.lookDueMs - nowMs;
  if (phase.lookMs !== null) return { state, effects: [] };
  if (leftMs > 0) return { state, effects: [{ type: "expect-sign", ms: leftMs }] };
  return { state: { ...state, phase: { ...phase, lookMs: nowMs } }, effects: [{ type: "look" }] };
}

function onLooked(
  state: ReflectorState,
  phase: Watching,
  event: Extract<ReflectorEvent, { type: "looked" | "look-failed" }>,
  context: ReflectorContext,
): Step {
  const { nowMs, silentMs = SILENT_MS } = context;
  const hasSpoken = phase.lookMs !== null && state.signMs > phase.lookMs;
  if (!hasSpoken && event.type === "look-failed")
    return withEffectFirst({ type: "close-watch" }, wait(state, "list", event.message, context));
  if (!hasSpoken && event.type === "looked" && disbelief(event.look, state.position) !== null)
    return withEffectFirst({ type: "close-watch" }, startList(state));
  return {
    state: {
      ...state,
      signMs: hasSpoken ? state.signMs : nowMs,
      phase: { ...phase, lookDueMs: nowMs + silentMs, lookMs: null },
    },
    effects: [{ type: "expect-sign", ms: silentMs }],
  };
}

function wait(
  state: ReflectorState,
  next: "list" | "watch",
  error: string,
  { random }: ReflectorContext,
  isRefused = false,
): Step {
  const isTold = isRefused || next === "list" || state.failures + 1 >= WATCH_FAILURES_TO_TELL;
  return {
    state: {
      ...state,
      failures: state.failures + 1,
      failure: isTold ? error : state.failure,
      phase: { kind: "waiting", next, error },
    },
    effects: [{ type: "wait", ms: backoffMs(state.failures, BACKOFF, random) }],
  };
}

function withEffectFirst(effect: ReflectorEffect, step: Step): Step {
  return { ...step, effects: [effect, ...step.effects] };
}

function onTimer(state: ReflectorState, context: ReflectorContext): Step {
  if (state.phase.kind === "absent") return startList(state);
  if (state.phase.kind !== "waiting") return { state, effects: [] };
  return state.phase.next === "list" ? startList(state) : startWatch(state, context);
}

function onPage(
  state: ReflectorState,
  event: Extract<ReflectorEvent, { type: "page" }>,
  context: ReflectorContext,
): Step {
  if (event.continueToken !== "")
    return {
      state: { ...state, phase: { kind: "listing", continueToken: event.continueToken } },
      effects: [{ type: "list", continueToken: event.continueToken }],
    };
  const listed: ReflectorState = {
    ...state,
    position: event.position,
    signMs: context.nowMs,
    // Only a watch that works ends a row of failures: a server that lists well and expires every
    // watch must not be hammered.
    absentSinceMs: null,
    failure: "",
    isListed: true,
  };
  const { state: next, effects } = startWatch(listed, context);
  return { state: next, effects: [{ type: "sweep" }, { type: "listed" }, ...effects] };
}

function onListFailed(
  state: ReflectorState,
  event: Extract<ReflectorEvent, { type: "list-failed" }>,
  context: ReflectorContext,
): Step {
  if (event.status !== 404) {
    // A continuation that expired (410) restarts the list, like any other failure: half a list is
    // none. [SRC31]
    return wait({ ...state, absentSinceMs: null }, "list", event.message, context);
  }
  const absentSinceMs = state.absentSinceMs ?? context.nowMs;
  const isBelieved = !event.hasObjects || context.nowMs - absentSinceMs >= ABSENT_GRACE_MS;
  // A server that starts may not know its CRDs yet. [SRC37]
  if (!isBelieved) return wait({ ...state, absentSinceMs }, "list", event.message, context);
  return {
    state: {
      ...state,
      absentSinceMs,
      failures: 0,
      failure: "",
      isListed: true,
      phase: { kind: "absent" },
    },
    effects: [
      { type: "sweep" },
      { type: "listed" },
      { type: "wait", ms: ABSENT_PROBE_MS * (1 + context.random() / 4) },
    ],
  };
}

function onWatchEnded(
  state: ReflectorState,
  phase: Watching,
  event: Extract<ReflectorEvent, { type: "watch-ended" }>,
  context: ReflectorContext,
): Step {
  const wasHealthy = phase.hasNews || context.nowMs - phase.sinceMs >= HEALTHY_MS;
  const settled = wasHealthy ? { ...state, failures: 0, failure: "" } : state;
  switch (event.status) {
    case 410:
      // History is gone: list again at once, but a server that says so again and again is backed
      // off from.
      return wasHealthy || state.failures === 0
        ? startList({ ...settled, failures: settled.failures + 1 })
        : wait(settled, "list", event.message, context);
    case 404:
    case 400:
      return wait(settled, "list", event.message, context);
    case 200:
      if (wasHealthy) return startWatch(settled, context);
      break;
    default:
  }
  const next = settled.failures + 1 >= WATCH_FAILURES_BEFORE_RELIST ? "list" : "watch";
  const isRefused = event.status === 401 || event.status === 403;
  return wait(settled, next, event.message, context, isRefused);
}
