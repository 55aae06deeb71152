/**
 * Troubles over time: one counts once it has lasted, and is over once it has been gone for a while,
 * the longer the more often there was a loss. Pure: what is to be seen now, and what was
 * remembered, give what is to be told, and when to look again. [EVT1] [EVT2]
 */
export interface SeenTrouble<Reason> {
  readonly reason: Reason;
  /** When it began, as far as is known; `null`: now. */
  readonly sinceMs: number | null;
  readonly afterMs: number;
  /** When it is no longer to be seen, if nothing happens. */
  readonly untilMs?: number;
}

export interface Trouble<Reason> {
  readonly reason: Reason;
  readonly sinceMs: number;
  /** When it was last over; `null`: it is not. */
  readonly goneMs: number | null;
  /** It has lasted long enough to be told. */
  readonly isTold: boolean;
}

export interface TroubleMemory<Reason extends { readonly code: string }> {
  /** By code. */
  readonly troubles: ReadonlyMap<Reason["code"], Trouble<Reason>>;
  /** When there was a loss, within `FLAP_WINDOW_MS`. */
  readonly lostMs: readonly number[];
}

export interface SteppedTroubles<Reason extends { readonly code: string }> {
  readonly memory: TroubleMemory<Reason>;
  /** Unix ms at which time alone changes something; infinite: never. */
  readonly nextMs: number;
}

/** What is back within this was restarted, or another takes over. */
export const LOST_AFTER_MS = 20_000;
export const DEGRADED_AFTER_MS = 30_000;
const OVER_AFTER_MS = 2_000;
const MOST_OVER_AFTER_MS = 60_000;
const FLAP_WINDOW_MS = 600_000;

/**
 * @param lossCode Of a loss.
 * @param hasLasted What is seen has lasted for as long as it must, by another's word.
 */
export function stepTroubles<Reason extends { readonly code: string }>(
  before: TroubleMemory<Reason>,
  seen: readonly SeenTrouble<Reason>[],
  lossCode: Reason["code"],
  nowMs: number,
  hasLasted = false,
): SteppedTroubles<Reason> {
  const now = new Map(seen.map((one) => [one.reason.code, one]));
  const lostMs = before.lostMs.filter((atMs) => nowMs - atMs < FLAP_WINDOW_MS);
  const overAfterMs = Math.min(
    MOST_OVER_AFTER_MS,
    OVER_AFTER_MS * 2 ** Math.max(0, lostMs.length - 1),
  );
  const troubles = new Map<Reason["code"], Trouble<Reason>>();
  let nextMs = Number.POSITIVE_INFINITY;
  for (const [code, { reason, sinceMs, afterMs, untilMs = nextMs }] of now) {
    nextMs = Math.min(nextMs, untilMs);
    const known = before.troubles.get(code);
    // Where it is known it counts: it may have been over, and begun anew, since it was seen last.
    const isKnown = sinceMs !== null && sinceMs <= nowMs;
    const seenSince = isKnown ? sinceMs : Math.min(known?.sinceMs ?? nowMs, nowMs);
    const since = hasLasted ? nowMs - afterMs : seenSince;
    const isTold = known?.isTold === true || nowMs - since >= afterMs;
    if (!isTold) nextMs = Math.min(nextMs, since + afterMs);
    if (isTold && known?.isTold !== true && code === lossCode) lostMs.push(nowMs);
    troubles.set(code, { reason, sinceMs: since, goneMs: null, isTold });
  }
  for (const [code, known] of before.troubles) {
    if (now.has(code) || !known.isTold) continue;
    const goneMs = known.goneMs ?? nowMs;
    if (nowMs - goneMs >= overAfterMs) continue;
    nextMs = Math.min(nextMs, goneMs + overAfterMs);
    troubles.set(code, { ...known, goneMs });
  }
  return { memory: { troubles, lostMs }, nextMs };
}
