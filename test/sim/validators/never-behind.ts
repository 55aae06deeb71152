/**
 * Felix comes from one relay of its cluster to another. Before that one may say in-sync, it is
 * where the first one was: else Felix deletes what the first one had told it.
 */
import { WITHHELD_EPOCH } from "../../../shared/log/cursor.ts";
import type { FelixMove } from "../history.ts";
import { Truth } from "./truth.ts";
import type { Validator } from "./validator.ts";

/** A hub that lost something: who was further than it is now comes back to it within this time. */
const NOTICED_MS = 10_000;

function behind(move: FelixMove, isBroken: (origin: string) => boolean): string | null {
  if (isBroken(move.uid)) return null;
  if (move.hasVersion < move.hadVersion)
    return `${move.relay} has facts ${move.hasVersion}, ${move.from} had ${move.hadVersion}`;
  for (const [origin, channels] of move.had) {
    const own = move.has.get(origin);
    // It may see that one no more.
    if (own === undefined || isBroken(origin)) continue;
    for (const [channel, { epoch, revision }] of channels) {
      // What a grant shows of Services nobody waits for, and where routes are withheld is nothing.
      if (channel === "services" || epoch === WITHHELD_EPOCH) continue;
      const is = own.get(channel);
      if (is === undefined) return `${move.relay} has not come to ${channel} of ${origin} yet`;
      if (is.epoch === epoch && is.revision < revision)
        return `${move.relay} is at ${is.revision} of ${channel} of ${origin}, ${move.from} was at ${revision}`;
    }
  }
  return null;
}

export const neverBehind: Validator = {
  name: "NeverBehind",
  validate: (history) => {
    const truth = new Truth();
    for (const moment of history) {
      const { atMs, it } = moment;
      // Relays may know more than a hub that was put back, which cannot tell it.
      if (it.what === "restored") return null;
      truth.take(moment);
      if (it.what !== "moved") continue;
      const message = behind(it, (origin) => atMs - truth.storage(origin).brokenMs < NOTICED_MS);
      if (message !== null) return { atMs, message };
    }
    return null;
  },
};
