/** Whether one Felix is still there, judged from moments: no clock. [TYP8] [TYP10] [TYP15] */
import type { Phase } from "./session-rules.ts";

/**
 * Moments of a connection that tell whether its Felix is still there, in milliseconds of one clock.
 */
export interface Liveness {
  readonly lastPongMs: number;
  /** Since when Felix has not taken what it was sent; `null` when it has. */
  readonly blockedSinceMs: number | null;
  /** Since when the present phase is on. */
  readonly phaseSinceMs: number;
}

/** What a moment asks for. */
export type Verdict =
  | { readonly kind: "ping" | "quiet" }
  | { readonly kind: "end"; readonly reason: string };

const QUIET: Verdict = { kind: "quiet" };

/** As Typha: no pong, no ACK. */
export const PONG_TIMEOUT_MS = 60_000;
const ACK_TIMEOUT_MS = 60_000;
/** As Typha's grace for a client that falls behind. */
const STALLED_MS = 300_000;
/** Felix waits 30 s for its hello. */
const HELLO_MS = 25_000;

/** Whether to ping now, to end, or neither. [TYP8] [TYP10] */
export function judgeLiveness(phase: Phase, at: Liveness, nowMs: number): Verdict {
  const inPhaseMs = nowMs - at.phaseSinceMs;
  switch (phase) {
    case "waiting":
      return inPhaseMs > HELLO_MS ? end("typha: cannot be reached") : QUIET;
    case "restarting":
    case "returning":
      return inPhaseMs > ACK_TIMEOUT_MS
        ? end("felix: no ACK of a decoder restart for 60 s")
        : QUIET;
    case "preparing":
    case "compressed":
    case "sending":
    case "flowing":
      if (at.blockedSinceMs !== null && nowMs - at.blockedSinceMs > STALLED_MS)
        return end("felix: takes nothing for 300 s");
      return nowMs - at.lastPongMs > PONG_TIMEOUT_MS
        ? end("felix: no pong for 60 s")
        : { kind: "ping" };
    case "ended":
      return QUIET;
  }
}

function end(reason: string): Verdict {
  return { kind: "end", reason };
}
