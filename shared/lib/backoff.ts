import type { Random } from "./clock.ts";

export interface BackoffPolicy {
  readonly baseMs: number;
  readonly capMs: number;
}

/**
 * Full-jitter exponential backoff: uniform in (0, min(cap, base·2^attempt)], never zero, so that a
 * crowd that lost its hub in one moment does not come back in one. The caller resets `attempt` to 0
 * after a spell of health.
 */
export function backoffMs(attempt: number, policy: BackoffPolicy, random: Random): number {
  const ceiling = Math.min(policy.capMs, policy.baseMs * 2 ** Math.min(attempt, 30));
  return Math.max(1, Math.round(ceiling * (1 - random())));
}
