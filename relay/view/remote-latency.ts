/** How long the changes of one remote take to get here, by the hub's clock at both ends. [API55] */
import { LAG_MS } from "../../shared/visibility/edge-latency.ts";
import type { EdgeLag, EdgeLatency } from "../../shared/visibility/edge-latency.ts";
import type { RelayPorts } from "../hub/relay-ports.ts";
import { LatencyWindows } from "./latency-windows.ts";

/** What is told of a time is no news within it: reports are sent when they change. */
const TOLD_MS = 10_000;

export class RemoteLatency {
  readonly #ports: Pick<RelayPorts, "now" | "hubTime">;
  readonly #windows = new LatencyWindows();
  #lag: EdgeLag | null = null;
  /** By this machine's own clock, since the hub's may be set back. */
  #told: { readonly latency: EdgeLatency; readonly atMs: number } | null = null;

  constructor(ports: Pick<RelayPorts, "now" | "hubTime">) {
    this.#ports = ports;
  }

  /** A change is applied that was seen at its source at that time, Unix ms by the hub's clock. */
  onApplied(seenMs: number): void {
    const time = this.#ports.hubTime?.now() ?? null;
    if (time === null) return;
    // fault: latency-of-nothing
    const tookMs = time.ms - seenMs;
    this.#windows.add(tookMs, this.#ports.now());
    const ms = Math.round(tookMs - time.errorMs);
    this.#lag = ms > LAG_MS ? { atMs: Math.round(time.ms), ms } : null;
  }

  /** For a report: of the newest change, where it was late. [EVT15] */
  lag(): { readonly lag?: EdgeLag } {
    return this.#lag === null ? {} : { lag: this.#lag };
  }

  /** For a report: nothing where nothing is known, and the same again within ten seconds. */
  report(): { readonly latency?: EdgeLatency } {
    const time = this.#ports.hubTime?.now() ?? null;
    if (time === null) return {};
    const nowMs = this.#ports.now();
    const told = this.#told;
    // Reports of all remotes are made anew with each change of one: sums only when they are told.
    if (told !== null && nowMs - told.atMs < TOLD_MS) return { latency: told.latency };
    const windows = this.#windows.windows(nowMs);
    if (windows === null) return {};
    const errorMs = roundedError(time.errorMs);
    const latency = { atMs: Math.round(time.ms), errorMs, windows };
    this.#told = { latency, atMs: nowMs };
    return { latency };
  }
}

/** Up to the next power of two: an error that grows with time is no news each time. */
export function roundedError(errorMs: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(1, errorMs)));
}
