/**
 * What one Felix connection does next, decided from what happened: no sockets, no clock.
 * `felix-session.ts` obeys. The phases of a connection; `ended` follows from each of them:
 *
 *     waiting
 *        │ Typha's hello
 *     preparing ── snapshot made, compressed ──▶ restarting
 *        │ snapshot made, plain                     │ ACK
 *     sending                                    compressed
 *        │ sent                                     │ sent
 *     flowing ◀── ACK ────────────────────────── returning
 *
 * Remote key/values come before local ones, so that a local one of the same key is the last word
 * [TYP14]. Between a restart and its ACK nothing is sent [TYP15].
 */
import { SYNC_STATUS } from "../wire/messages.ts";

export const PHASES = [
  /** For Typha's hello; Felix has nothing yet. */
  "waiting",
  /** The remote snapshot is being made. */
  "preparing",
  /** Felix has been told to expect a compressed stream, and has not acknowledged. */
  "restarting",
  /** The remote snapshot is being sent, compressed. */
  "compressed",
  /** The compressed stream has ended; Felix has not acknowledged. */
  "returning",
  /** The remote snapshot is being sent, in plain. */
  "sending",
  /** Felix has the remote snapshot: what comes from Typha and from remotes goes through. */
  "flowing",
  "ended",
] as const;
export type Phase = (typeof PHASES)[number];

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
  | {
      readonly kind:
        | "make-snapshot"
        /** Tells Felix that a compressed stream follows. */
        | "restart"
        | "send-compressed"
        | "send-plain"
        /** A new stream begins at Felix: the type definitions again. */
        | "definitions"
        /** What came from Typha may flow. */
        | "flow"
        | "begin-resync"
        | "end-resync";
    }
  | { readonly kind: "status"; readonly status: number }
  /** @param by Felix, where it broke the protocol. */
  | { readonly kind: "end"; readonly reason: string; readonly by: "felix" | null };

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
        ? enter(state, "restarting", "restart")
        : enter(state, "sending", "send-plain");
    case "snapshot-sent":
      if (state.phase === "compressed") return enter(state, "returning");
      return state.phase === "sending" ? enter(state, "flowing", "flow") : { state, actions: [] };
    case "felix-ack":
      return onAck(state);
    case "felix-message":
      return end(state, "felix", `felix: sent ${event.name} where only MsgPong is allowed`);
    case "look":
      return onLook(state, event.mayBeInSync);
  }
}

/**
 * A Typha that comes back is told apart by its version. One of another version may write other keys
 * and values for the same objects (policy keys since 3.32: a Felix ≥ 3.32 takes both for one
 * object, and would delete the policy with the old key), so its difference means nothing. The
 * connection ends, and Felix, which compares what it has parsed, reconciles by itself. [TYP16]
 */
function onTyphaHello(state: SessionState, version: string): Step {
  const up = { ...state, isTyphaUp: true, version, typhaStatus: SYNC_STATUS.waitForDatastore };
  if (state.version === null) return enter(up, "preparing", "make-snapshot");
  if (state.version !== version)
    return end(
      state,
      null,
      `typha: came back as ${version}, was ${state.version}: Felix has to begin anew`,
    );
  return { state: { ...up, isResync: true }, actions: [{ kind: "begin-resync" }] };
}

function onTyphaStatus(state: SessionState, status: number): Step {
  const next = { ...state, typhaStatus: status };
  if (!state.isResync || status !== SYNC_STATUS.inSync) return { state: next, actions: [] };
  return { state: { ...next, isResync: false }, actions: [{ kind: "end-resync" }] };
}

function onAck(state: SessionState): Step {
  if (state.phase === "restarting") return enter(state, "compressed", "send-compressed");
  if (state.phase === "returning") return enter(state, "flowing", "definitions", "flow");
  return end(state, "felix", "felix: sent MsgACK where only MsgPong is allowed");
}

/**
 * In-sync waits for the remote views; no status goes back while a Typha that came back tells
 * everything anew.
 */
function onLook(state: SessionState, mayBeInSync: boolean): Step {
  const { typhaStatus, sentStatus } = state;
  if (state.phase !== "flowing" || !state.isTyphaUp || state.isResync)
    return { state, actions: [] };
  const isHeld = typhaStatus === SYNC_STATUS.inSync && !mayBeInSync;
  const status = isHeld ? Math.max(sentStatus, SYNC_STATUS.resyncInProgress) : typhaStatus;
  if (status === sentStatus) return { state, actions: [] };
  return { state: { ...state, sentStatus: status }, actions: [{ kind: "status", status }] };
}

type PlainAction = Exclude<SessionAction["kind"], "status" | "end">;

function enter(state: SessionState, phase: Phase, ...kinds: readonly PlainAction[]): Step {
  return { state: { ...state, phase }, actions: kinds.map((kind) => ({ kind })) };
}

function end(state: SessionState, by: "felix" | null, reason: string): Step {
  return { state: { ...state, phase: "ended" }, actions: [{ kind: "end", reason, by }] };
}
