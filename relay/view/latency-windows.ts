/**
 * How long changes took, over the last minutes: a histogram a minute, whose buckets are 12 % wide.
 * Nothing is kept of a minute without changes. [API55]
 */
import { LATENCY_MINUTES } from "../../shared/visibility/edge-latency.ts";
import type { LatencyWindow } from "../../shared/visibility/edge-latency.ts";

const FACTOR = 1.12;
/** Up to half an hour. */
const BUCKETS = 128;
const MINUTE_MS = 60_000;
const MOST_MINUTES = Math.max(...LATENCY_MINUTES);

export class LatencyWindows {
  /** Minute → counts by bucket. */
  readonly #minutes = new Map<number, Uint32Array>();

  /** @param nowMs Of a clock that only goes forward. @param tookMs Below 0 counts as 0. */
  add(tookMs: number, nowMs: number): void {
    const minute = Math.floor(nowMs / MINUTE_MS);
    let counts = this.#minutes.get(minute);
    if (counts === undefined) {
      for (const old of this.#minutes.keys())
        if (old <= minute - MOST_MINUTES) this.#minutes.delete(old);
      this.#minutes.set(minute, (counts = new Uint32Array(BUCKETS)));
    }
    const bucket = bucketOf(tookMs);
    counts[bucket] = (counts[bucket] ?? 0) + 1;
  }

  /** One for each of `LATENCY_MINUTES`; `null`: nothing came within the longest. */
  windows(nowMs: number): readonly LatencyWindow[] | null {
    if (this.#minutes.size === 0) return null;
    const minute = Math.floor(nowMs / MINUTE_MS);
    const windows = LATENCY_MINUTES.map((minutes) => this.#window(minute - minutes, minute));
    return windows.every(([count]) => count === 0) ? null : windows;
  }

  /** Of the minutes after the first until the last; of one minute also of the one before. */
  #window(after: number, last: number): LatencyWindow {
    const sums = new Uint32Array(BUCKETS);
    for (const [minute, counts] of this.#minutes)
      if (minute >= after && minute <= last)
        for (const [bucket, count] of counts.entries()) sums[bucket] = (sums[bucket] ?? 0) + count;
    const total = sums.reduce((sum, count) => sum + count, 0);
    return [total, quantile(sums, total, 0.5), quantile(sums, total, 0.99)];
  }
}

function bucketOf(tookMs: number): number {
  const bucket = Math.ceil(Math.log(Math.max(1, tookMs)) / Math.log(FACTOR));
  return Math.min(BUCKETS - 1, bucket);
}

/** The upper end of the bucket that it is in, in whole ms: never less than it was. */
function quantile(counts: Uint32Array, total: number, share: number): number {
  let left = Math.ceil(total * share);
  if (left === 0) return 0;
  for (const [bucket, count] of counts.entries()) {
    left -= count;
    if (left <= 0) return Math.ceil(FACTOR ** bucket);
  }
  return Math.ceil(FACTOR ** (BUCKETS - 1));
}
