/** How long changes take on an edge, as far as it still holds now. [API55] [API56] */
import { NO_RELAYS } from "../../shared/api/latency.ts";
import type { EdgeRelaysView, LatencyView } from "../../shared/api/latency.ts";
import { LATENCY_MINUTES } from "../../shared/visibility/edge-latency.ts";
import type { EdgeLatency, EdgeRelays } from "../../shared/visibility/edge-latency.ts";
import { isoTime } from "./shown.ts";

const MINUTE_MS = 60_000;

/**
 * A relay reports when something changes: a window that ended longer ago than it is long holds
 * nothing of the last minutes, and is told empty.
 * @param sourceErrorMs Of the publisher's reading of the hub's clock; `null`: not known.
 */
export function showLatency(
  latency: EdgeLatency | undefined,
  sourceErrorMs: number | null,
  nowMs: number,
): LatencyView | null {
  if (latency === undefined) return null;
  const { atMs, errorMs, windows } = latency;
  const ageMs = nowMs - atMs;
  return {
    at: isoTime(atMs),
    errorMs: sourceErrorMs === null ? null : errorMs + sourceErrorMs,
    windows: LATENCY_MINUTES.map((minutes, i) => {
      const [count = 0, p50Ms = 0, p99Ms = 0] = windows[i] ?? [];
      const isEmpty = count === 0 || ageMs >= minutes * MINUTE_MS;
      return isEmpty
        ? { minutes, count: 0, p50Ms: null, p99Ms: null }
        : { minutes, count, p50Ms, p99Ms };
    }),
  };
}

export function showRelays(relays: EdgeRelays | undefined): EdgeRelaysView {
  if (relays === undefined) return NO_RELAYS;
  const { count, lowestRevision, lagging, names } = relays;
  return { count, lowestRevision, lagging, names: [...names] };
}
