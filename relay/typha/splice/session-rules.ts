/**
 * What one Felix connection does next, decided from what happened: no sockets, no clock. `felix-session.ts` obeys. The order of a connection's life:
 *
 *   waiting → (preparing → [restarting → compressed → returning] →) streaming, and from anywhere → ended
 *
 * Remote key/values come before local ones, so that a local one of the same key is the last word [TYP14]. Between a restart and its ACK nothing is sent [TYP15].
 */
import { SYNC_STATUS } from "../wire/messages.ts";

export type Phase =
  /** For Typha's hello; Felix has nothing yet. */
  | "waiting"
  /** The remote snapshot is being made. */
  | "preparing"
  /** Felix has been told to expect a compressed stream, and has not acknowledged. */
  | "restarting"
  | "compressed"
  /** The compressed stream has ended; Felix has not acknowledged. */
  | "returning"
  | "streaming"
  | "ended";

export interface SessionState {
  readonly phase: Phase;
  /** Version of the Typha that this stream is from; `null` before its hello. */
  readonly version: string | null;
  /** What the present Typha said last. */
  readonly typhaStatus: number;
  readonly sentStatus: number;
  /** Typha came back and has not told everything yet. */
  readonly isResync: boolean;
  readonly isTyphaUp: boolean;
}

export const INITIAL: SessionState = {
  phase: "waiting",
  version: null,
  typhaStatus: SYNC_STATUS.waitForDatastore,
  sentStatus: SYNC_STATUS.waitForDatastore,
  isResync: false,
  isTyphaUp: false,
};

export type SessionEvent =
  | { readonly type: "typha-hello"; readonly version: string }
  | { readonly type: "typha-status"; readonly status: number }
  | { readonly type: "typha-lost" }
  /** @param compress Whether it is worth it and Felix can. */
  | { readonly type: "snapshot-made"; readonly compress: boolean }
  | { readonly type: "snapshot-sent" }
  | { readonly type: "felix-ack" }
  | { readonly type: "felix-message"; readonly name: string }
  /** Something changed that a held-back status may have waited for. */
  | { readonly type: "look"; readonly mayBeInSync: boolean };

export type SessionAction =
  | "make-snapshot"
  | "restart"
  | "send-compressed"
  | "send-plain"
  /** A new stream begins at Felix: the type definitions again. */
  | "definitions"
  /** What came from Typha may flow. */
  | "flow"
  | "begin-resync"
  | "end-resync"
  | { readonly status: number }
  /** @param by Felix, where it broke the protocol. */
  | { readonly end: string; readonly by: "felix" | null };

export interface Step {
  readonly state: SessionState;
  readonly actions: readonly SessionAction[];
}

export function decide(state: SessionState, event: SessionEvent): Step {
  if (state.phase === "ended") return { state, actions: [] };
  switch (event.type) {
    case "typha-hello":
      return onTyphaHello(state, event.version);
    case "typha-status":
      return onTyphaStatus(state, event.status);
    case "typha-lost":
      return { state: { ...state, isTyphaUp: false }, actions: [] };
    case "snapshot-made":
      if (state.phase !== "preparing") return { state, actions: [] };
      return event.compress
        ? { state: { ...state, phase: "restarting" }, actions: ["restart"] }
        : { state: { ...state, phase: "streaming" }, actions: ["send-plain"] };
    case "snapshot-sent":
      if (state.phase === "compressed")
        return { state: { ...state, phase: "returning" }, actions: [] };
      return { state, actions: state.phase === "streaming" ? ["flow"] : [] };
    case "felix-ack":
      return onAck(state);
    case "felix-message":
      return end(state, "felix", `felix: sent ${event.name} where only MsgPong is allowed`);
    case "look":
      return onLook(state, event.mayBeInSync);
  }
}

/**
 * A Typha that comes back is told apart by its version: one of another version may write other keys and values for the same objects (policy keys since 3.32:
 * a Felix ≥ 3.32 takes both for one object, and would delete the policy with the old key), so its difference means nothing. The connection ends, and
 * Felix, which compares what it has parsed, reconciles by itself. [TYP16]
 */
function onTyphaHello(state: SessionState, version: string): Step {
  const up = { ...state, isTyphaUp: true, version, typhaStatus: SYNC_STATUS.waitForDatastore };
  if (state.version === null)
    return { state: { ...up, phase: "preparing" }, actions: ["make-snapshot"] };
  if (state.version !== version)
    return end(
      state,
      null,
      `typha: came back as ${version}, was ${state.version}: Felix has to begin anew`,
    );
  return { state: { ...up, isResync: true }, actions: ["begin-resync"] };
}

function onTyphaStatus(state: SessionState, status: number): Step {
  const next = { ...state, typhaStatus: status };
  if (!state.isResync || status !== SYNC_STATUS.inSync) return { state: next, actions: [] };
  return { state: { ...next, isResync: false }, actions: ["end-resync"] };
}

function onAck(state: SessionState): Step {
  if (state.phase === "restarting")
    return { state: { ...state, phase: "compressed" }, actions: ["send-compressed"] };
  if (state.phase === "returning")
    return { state: { ...state, phase: "streaming" }, actions: ["definitions", "flow"] };
  return end(state, "felix", "felix: sent MsgACK where only MsgPong is allowed");
}

/** In-sync waits for the remote views; no status goes back while a Typha that came back tells everything anew. */
function onLook(state: SessionState, mayBeInSync: boolean): Step {
  const { typhaStatus, sentStatus } = state;
  if (state.phase !== "streaming" || !state.isTyphaUp || state.isResync)
    return { state, actions: [] };
  const isHeld = typhaStatus === SYNC_STATUS.inSync && !mayBeInSync;
  const status = isHeld ? Math.max(sentStatus, SYNC_STATUS.resyncInProgress) : typhaStatus;
  if (status === sentStatus) return { state, actions: [] };
  return { state: { ...state, sentStatus: status }, actions: [{ status }] };
}

function end(state: SessionState, by: "felix" | null, reason: string): Step {
  return { state: { ...state, phase: "ended" }, actions: [{ end: reason, by }] };
}

/** Moments of a connection that tell whether its Felix is still there, in milliseconds of one clock. */
export interface Liveness {
  readonly lastPongMs: number;
  /** Since when Felix has not taken what it was sent; `null` when it has. */
  readonly blockedSinceMs: number | null;
  /** Since when the present phase is on. */
  readonly phaseSinceMs: number;
}

/** As Typha: no pong, no ACK. */
export const PONG_TIMEOUT_MS = 60_000;
const ACK_TIMEOUT_MS = 60_000;
/** As Typha's grace for a client that falls behind. */
const STALLED_MS = 300_000;
/** Felix waits 30 s for its hello. */
const HELLO_MS = 25_000;

/** Whether to ping now, to end, or neither. [TYP8] [TYP10] */
export function judgeLiveness(
  phase: Phase,
  at: Liveness,
  nowMs: number,
): "ping" | "quiet" | { readonly end: string } {
  const inPhaseMs = nowMs - at.phaseSinceMs;
  switch (phase) {
    case "waiting":
      return inPhaseMs > HELLO_MS ? { end: "typha: cannot be reached" } : "quiet";
    case "restarting":
    case "returning":
      return inPhaseMs > ACK_TIMEOUT_MS
        ? { end: "felix: no ACK of a decoder restart for 60 s" }
        : "quiet";
    case "preparing":
    case "compressed":
    case "streaming":
      if (at.blockedSinceMs !== null && nowMs - at.blockedSinceMs > STALLED_MS)
        return { end: "felix: takes nothing for 300 s" };
      return nowMs - at.lastPongMs > PONG_TIMEOUT_MS ? { end: "felix: no pong for 60 s" } : "ping";
    case "ended":
      return "quiet";
  }
}
