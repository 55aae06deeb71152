/**
 * A cluster is told to be lost when it is, in time, and not otherwise: not while a relay of it is
 * heard, not for a restart; and once all is well, nothing else is told any more, but what stands in
 * quarantine.
 */
import type { ToldHealth } from "../history.ts";
import type { Validator } from "./validator.ts";

/** A relay that restarts, and one that takes over, is back sooner. [EVT1] */
const NO_SOONER_MS = 20_000;

const WELL: ToldHealth = { state: "ok", codes: [] };

/** What is older by the clock is older for another reason. */
const CLOCK_MS = 100_000;
const CLOCK = new Set(["the hub's clock goes back", "the hub's clock jumps ahead"]);

export const lossTold: Validator = {
  name: "LossTold",
  validate: (history) => {
    const states = new Map<string, string>();
    let isCalm = false;
    let jumpedMs = Number.NEGATIVE_INFINITY;
    for (const { atMs, it } of history) {
      if (it.what === "calm") isCalm = true;
      if (it.what === "trouble" && CLOCK.has(it.name)) jumpedMs = atMs;
      if (it.what === "remembered") for (const [uid, { state }] of it.told) states.set(uid, state);
      if (it.what === "health") {
        const { told, silentMs } = it;
        states.set(it.uid, told.state);
        if (isCalm && !isWell(told))
          return { atMs, message: `${it.uid} is told to be ${told.state}, and was restarted only` };
        if (told.state === "lost" && silentMs < NO_SOONER_MS && atMs - jumpedMs > CLOCK_MS)
          return {
            atMs,
            message: `${it.uid} is told to be lost, which was silent for ${silentMs} ms only`,
          };
      }
      if (it.what === "dark" && states.get(it.uid) !== "lost")
        return {
          atMs,
          message: `${it.uid} has been dark for ${atMs - it.sinceMs} ms, and is told to be ${states.get(it.uid) ?? "ok"}`,
        };
      if (it.what !== "quiet") continue;
      for (const { origin, health = WELL, quarantined } of it.origins) {
        if (!isWell(health))
          return { atMs, message: `${origin} is well, and told to be ${health.state}` };
        if (health.state === "degraded" && quarantined === 0)
          return { atMs, message: `${origin} has no quarantine, and is told to have one` };
      }
    }
    return null;
  },
};

function isWell({ state, codes }: ToldHealth): boolean {
  return state === "ok" || (state === "degraded" && codes.every((code) => code === "Quarantined"));
}
