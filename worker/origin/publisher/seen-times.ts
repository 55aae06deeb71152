/**
 * When what a log's newest commit brought was seen at its source: kept in memory with the log, for
 * the frame that goes to readers at once. What is read later from the disk has no such time.
 * [API55]
 */
import type { ChannelLog } from "../log/channel-log.ts";
import type { WaitingFrame } from "./commit-group.ts";
import type { PublishResult } from "./frame-intake.ts";

/**
 * @param results Of the frames, in their order; those that had no time have none.
 * @param projections Their logs have followed.
 */
export function noteSeen(
  frames: readonly WaitingFrame[],
  results: readonly PublishResult[],
  projections: { logs(): readonly ChannelLog[] },
): void {
  const earliest = new Map<ChannelLog, number>();
  for (const [i, result] of results.entries()) {
    const atMs = frames[i]?.message.seenMs ?? null;
    if (atMs === null || result.kind !== "accepted" || !result.hasCommitted) continue;
    earliest.set(result.log, Math.min(atMs, earliest.get(result.log) ?? atMs));
  }
  if (earliest.size === 0) return;
  const projected = projections.logs();
  for (const [log, atMs] of earliest)
    for (const each of [log, ...projected.filter(({ channel }) => channel === log.channel)])
      // A projection that shows nothing of it stays where it was.
      if (each.seen?.revision !== each.head) each.seen = { revision: each.head, atMs };
}
