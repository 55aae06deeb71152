/**
 * What is told of how long changes take: of changes of which it is known. A part of
 * `StatusTruthful`.
 */
import type { Happening, Moment } from "../history.ts";
import { Truth } from "./truth.ts";
import type { Violation } from "./validator.ts";

type Probed = Extract<Happening, { what: "probed" }>;

/** How wide a bucket is, and whole milliseconds. */
const [FACTOR, ROUNDING_MS] = [1.13, 2];

/** By `reader origin`: how long each change took until a relay of the reader had told it. */
function tookOf(history: readonly Moment[], { sinceMs }: Probed): Map<string, number[]> {
  const truth = new Truth();
  const took = new Map<string, number[]>();
  for (const moment of history) {
    const { atMs, it } = moment;
    truth.take(moment);
    if (atMs < sinceMs || it.what !== "told") continue;
    const began = truth.states(it.origin, it.key.split(" ")[1] ?? "").at(-1)?.atMs;
    if (began === undefined) continue;
    const pair = `${it.uid} ${it.origin}`;
    took.set(pair, [...(took.get(pair) ?? []), atMs - began]);
  }
  return took;
}

export function judgeLatency(history: readonly Moment[]): Violation | null {
  const probed = history.findLast(({ it }) => it.what === "probed");
  if (probed?.it.what !== "probed") return null;
  const took = tookOf(history, probed.it);
  for (const { reader, origin, count, p50Ms, p99Ms, errorMs } of probed.it.told) {
    const known = took.get(`${reader} ${origin}`) ?? [];
    // Where a scope shows none, there is nothing to compare.
    if (known.length < probed.it.probes) continue;
    const [least, most] = [Math.min(...known), Math.max(...known)];
    const words = `${reader} is told ${p50Ms} and ${p99Ms} ms for ${count} changes of ${origin}, which took ${least} to ${most} ms`;
    const isLow = p50Ms + errorMs < least || count === 0;
    const isHigh = p99Ms > (most + errorMs) * FACTOR + ROUNDING_MS;
    if (isLow || isHigh || p50Ms > p99Ms) return { atMs: probed.atMs, message: words };
  }
  return null;
}
