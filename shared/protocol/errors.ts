/**
 * Why a socket is closed: one table for codes, words and what the other side does. None of them
 * withdraws anything: only an `access` message with a newer version does. [PRO8]
 */
export const CLOSE_CODES = {
  /** A message broke the protocol: a bug of one side. Reconnect with backoff, keep everything. */
  "protocol-error": 4400,
  /** The credential is no longer accepted (a newer key generation). Join again with a token. */
  unauthenticated: 4401,
  /**
   * This cluster may not read this origin now. Reconnect after the next `access` message that
   * grants it.
   */
  "access-denied": 4403,
  /** The hub does not know this cluster's facts yet. Retry with backoff. */
  "not-ready": 4404,
  /** No hello within the time limit. Reconnect. */
  "hello-timeout": 4408,
  /**
   * Another relay publishes for this cluster with a newer term. Do not publish again with this one.
   */
  superseded: 4409,
  /** A message or payload over its limit. Reconnect with backoff; the publisher splits. */
  "too-large": 4413,
  /**
   * More keys than an origin may have, frames in spite of its pace, messages that carry nothing,
   * more relays than may stand by, or a reader that takes nothing while others wait. Reconnect with
   * backoff; what readers have stays.
   */
  "over-quota": 4429,
  /** No common protocol version. Upgrade one side; retry slowly. */
  "version-mismatch": 4426,
  /** The cluster was removed from the mesh. Stop until joined again. */
  removed: 4410,
  /** The hub restarts. Reconnect at once, jittered. */
  restart: 1012,
} as const;

export type CloseReason = keyof typeof CLOSE_CODES;

export function closeReasonOf(code: number): CloseReason | null {
  const found = Object.entries(CLOSE_CODES).find(([, known]) => known === code);
  return found === undefined ? null : (found[0] as CloseReason);
}

/** A close frame carries at most 123 UTF-8 bytes of reason (RFC 6455, 5.5). */
export function closeText(message: string): string {
  const bytes = new TextEncoder().encode(message);
  return bytes.length <= 123 ? message : `${message.slice(0, 60)}…`;
}
