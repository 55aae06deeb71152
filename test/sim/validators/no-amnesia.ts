/**
 * Nothing is withdrawn for any reason but these: its source no longer has it as its own, or had not
 * for a while since; its cluster may not be seen, or could not for a while, or the scope of the
 * grant does not show it; its address became the reader's own. In particular not because something
 * was unreachable, restarted, restored or empty.
 */
import { overlap } from "../addresses.ts";
import type { Served } from "../history.ts";
import { isStateOf, Truth } from "./truth.ts";
import type { Validator } from "./validator.ts";

/** @param id `<rcc> <key hash>` */
function isJustified(
  truth: Truth,
  { relay, uid }: { readonly relay: string; readonly uid: string },
  origin: string,
  id: string,
  served: Served,
): boolean {
  const [rcc = "", key = ""] = id.split(" ");
  const states = truth.states(origin, key);
  const since = states.findIndex(
    ({ value }) => isStateOf(value, served.hash) && value?.isOwn === true,
  );
  if (since < 0 || states.slice(since).some(({ value }) => value?.isOwn !== true)) return true;
  // An address that is not the cluster's yet is refused until the mesh has pinned it.
  const owned = String(states[since]?.value?.owns);
  if (states.slice(since).some(({ value }) => String(value?.owns) !== owned)) return true;
  // It was told, perhaps late, of a time when its cluster had no such edge.
  const pair = `${uid} ${origin}`;
  const wasRevoked = truth.edges.get(pair) !== rcc || truth.revoked.has(`${pair} ${rcc}`);
  if (wasRevoked && truth.heard.get(relay)?.get(rcc) !== origin) return true;
  // A scope that the grant has, or had, does not show it, or did not for a while.
  const scopes = [...(truth.everScopes.get(pair) ?? [])];
  const isHidden = (id: string): boolean =>
    states.slice(since).some(({ value }) => value?.shown?.(id) === null);
  if (scopes.some(isHidden)) return true;
  if (states[since]?.value?.channel === "services" && truth.everUnscoped.has(pair)) return true;
  for (const ownStates of truth.allStates(uid).values())
    for (const { value } of ownStates)
      if (served.ips.some((ip) => value?.owns.some((own) => overlap(ip, own)))) return true;
  return false;
}

export const noAmnesia: Validator = {
  name: "NoAmnesia",
  validate: (history) => {
    const truth = new Truth();
    const damaged = new Set<string>();
    for (const moment of history) {
      truth.take(moment);
      const { atMs, it } = moment;
      if (
        it.what === "told" &&
        it.op === "delete" &&
        !isJustified(truth, it, it.origin, it.key, it.served)
      )
        return {
          atMs,
          message: `${it.relay} withdrew ${it.key} of ${it.origin}, which is there and may be seen`,
        };
      // A disk that lost its end holds an older view, which is served as any other that is stale.
      if (it.what === "relay" && it.state !== "started" && it.state !== "killed")
        damaged.add(it.relay);
      if (it.what === "felix" && damaged.delete(it.relay)) continue;
      if (it.what !== "felix" || !it.isLoaded) continue;
      for (const [id, { origin, served }] of it.dropped)
        if (!isJustified(truth, it, origin, id, served))
          return {
            atMs,
            message: `${it.relay} told its Felix in-sync without ${id} of ${origin}, which is there and may be seen`,
          };
    }
    return null;
  },
};
