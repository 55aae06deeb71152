/** How far a publisher is with one channel. */
import type { LogChange } from "../../shared/log/payload.ts";
import type { Partition } from "../../shared/log/partition.ts";

export type Phase =
  /** Not connected, or the source has not listed everything yet. */
  | "waiting"
  /** Digests sent; differences are coming. */
  | "comparing"
  /** Differences are being sent. */
  | "reconciling"
  | "reconciled";

export interface ChannelProgress {
  phase: Phase;
  readonly pending: Map<string, LogChange>;
  /** Partitions that differ: what the hub has there. */
  readonly differing: Map<string, { readonly partition: Partition; readonly pairs: Uint8Array[] }>;
  /** When each left that is not acknowledged, in order; `null`: it was full, and takes its time. */
  readonly sentMs: (number | null)[];
  /**
   * When the oldest of what is pending was seen, Unix ms by the hub's clock; `null`: nothing is, or
   * it is not known.
   */
  seenMs: number | null;
}

export function newProgress(): ChannelProgress {
  return { phase: "waiting", pending: new Map(), differing: new Map(), sentMs: [], seenMs: null };
}

/** Something live is pending now. @param nowMs By the hub's clock; `null`: not known. */
export function noteSeen(progress: ChannelProgress, nowMs: number | null): void {
  // What a comparison has found was there before, nobody knows since when.
  if (progress.phase !== "reconciled" || nowMs === null) return;
  progress.seenMs ??= Math.max(0, Math.round(nowMs));
}
