/**
 * When something that was lost is tried again. The wait grows with how long it has been away, not
 * with the number of attempts: what ends again and again, and comes back each time, is found within
 * the time that it was away and half of it. Pure. [FLT9]
 */
import type { Random } from "./clock.ts";

export interface RetryPolicy {
  /** The first attempts come quickly: most losses are a restart. */
  readonly shortestMs: number;
  readonly longestMs: number;
  /** What held this long has ended the outage; what is refused at once has not. */
  readonly healthyMs: number;
}

/** `null`: it is not away. */
export type Outage = { readonly sinceMs: number } | null;

export interface Loss {
  readonly nowMs: number;
  /** How long it held; `null`: the attempt came to nothing. */
  readonly heldMs: number | null;
}

export interface Retry {
  readonly outage: NonNullable<Outage>;
  readonly delayMs: number;
}

/** Of the time that it has been away. */
const SHARE = 0.5;

/**
 * How long it counts as away: what held for a part of the healthy time has healed that part of it,
 * so that who was found late is not late each time after.
 */
function awayAt(outage: Outage, { nowMs, heldMs }: Loss, healthyMs: number): number {
  const held = heldMs ?? 0;
  if (outage === null || held >= healthyMs) return 0;
  return Math.round((nowMs - held - outage.sinceMs) * (1 - held / healthyMs));
}

/**
 * Uniform in (0, ceiling]: a crowd that lost its hub in one moment does not come back in one.
 */
export function nextRetry(
  outage: Outage,
  { nowMs, heldMs }: Loss,
  { shortestMs, longestMs, healthyMs }: RetryPolicy,
  random: Random,
): Retry {
  const sinceMs = nowMs - awayAt(outage, { nowMs, heldMs }, healthyMs);
  const ceiling = Math.min(longestMs, Math.max(shortestMs, (nowMs - sinceMs) * SHARE));
  return { outage: { sinceMs }, delayMs: Math.max(1, Math.round(ceiling * (1 - random()))) };
}
