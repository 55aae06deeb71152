/**
 * Protocol versions. A side offers the versions it speaks in its hello, the hub picks the highest
 * that both know; no message or field of a newer version is sent to a side that did not offer it.
 *
 * 1 (2026-11-21): first version. 2 (2026-11-21): `catch-up`: a reader that is behind gets the net
 * effect of what it missed, not each frame of it. `frame` with the digest. Relays that stand by. 3
 * (2026-11-30): `mark`, and acknowledgements that name one: they prove what a reader has taken. 4
 * (2026-11-30): the channel `services`, and scopes that name it. 5 (2026-11-30): frames say when
 * what is in them was seen at its source. 6 (2026-11-30): `ask-heads` and `heads`: what a log has
 * now.
 */
export const PROTOCOL_VERSIONS: readonly number[] = [6, 5, 4, 3, 2, 1];

/** First version whose readers name marks. */
export const MARK_VERSION = 3;

/** First version that knows the channel `services` and grants of Services. */
export const SERVICES_VERSION = 4;

/** First version whose frames say when what is in them was seen. */
export const SEEN_VERSION = 5;

/** First version whose hubs say how far a log is, when they are asked. */
export const HEADS_VERSION = 6;

export function pickVersion(offered: readonly number[]): number | null {
  const shared = offered.filter((version) => PROTOCOL_VERSIONS.includes(version));
  return shared.length === 0 ? null : Math.max(...shared);
}
