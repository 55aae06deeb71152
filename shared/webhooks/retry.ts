/** When a delivery is tried again, and when a webhook is given up. Pure. [EVT5] */
const HOUR = 3_600_000;
const STEPS_MS = [5_000, 300_000, 1_800_000, 2 * HOUR, 5 * HOUR, 10 * HOUR];
const GIVE_UP_MS = 5 * 24 * HOUR;
/** What a receiver may ask for. */
const MOST_MS = 24 * HOUR;

/** What became of one request. */
export type Sent =
  | { readonly kind: "answered"; readonly status: number; readonly retryAfterMs: number | null }
  | { readonly kind: "failed"; readonly error: string };

export type AfterSend =
  | { readonly kind: "delivered" }
  | { readonly kind: "again"; readonly dueMs: number; readonly error: string }
  | { readonly kind: "disable"; readonly reason: string; readonly error: string };

/**
 * @param attempts With this one.
 * @param failingSinceMs Of the webhook; `null`: the last delivery came through.
 */
export function afterSend(
  sent: Sent,
  attempts: number,
  failingSinceMs: number | null,
  nowMs: number,
): AfterSend {
  if (sent.kind === "answered" && sent.status >= 200 && sent.status < 300)
    return { kind: "delivered" };
  const error = sent.kind === "failed" ? sent.error : `answered ${sent.status}`;
  if (sent.kind === "answered" && sent.status === 410)
    return { kind: "disable", error, reason: "the receiver answered 410: it is gone for good" };
  if (failingSinceMs !== null && nowMs - failingSinceMs >= GIVE_UP_MS)
    return { kind: "disable", error, reason: "no delivery came through for 5 days" };
  const asked = sent.kind === "answered" ? (sent.retryAfterMs ?? 0) : 0;
  const waitMs = Math.min(MOST_MS, Math.max(STEPS_MS[attempts - 1] ?? HOUR, asked));
  return { kind: "again", error, dueMs: nowMs + waitMs };
}

/** Due later than any retry: written before the clock went back. */
export function dueMs(row: { readonly dueMs: number }, nowMs: number): number {
  return row.dueMs > nowMs + MOST_MS ? nowMs : row.dueMs;
}

/** `Retry-After` in seconds or as a date; anything else is none. */
export function retryAfterMs(header: string | null, nowMs: number): number | null {
  if (header === null) return null;
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1000;
  const atMs = Date.parse(header);
  return Number.isNaN(atMs) ? null : Math.max(0, atMs - nowMs);
}
