/**
 * Nothing is withdrawn for any reason but these: its source no longer has it as its own, or had not for a while since; its cluster may not be seen, or
 * could not for a while; its address became the reader's own. In particular not because something was unreachable, restarted, restored or empty.
 */
import type { Served } from "../history.ts";
import { Truth } from "./truth.ts";
import type { Validator } from "./validator.ts";

function isJustified(
  truth: Truth,
  reader: string,
  origin: string,
  key: string,
  served: Served,
  toldMs: number,
): boolean {
  const states = truth.sources.get(truth.placeOf.get(origin) ?? "")?.get(key) ?? [];
  const since = states.findIndex(({ value }) => value?.hash === served.hash && value.isOwn);
  if (since < 0 || states.slice(since).some(({ value }) => value?.isOwn !== true)) return true;
  const pair = `${reader} ${origin}`;
  if (!truth.edges.has(pair)) return true;
  const changes = truth.edgeChanges.get(pair) ?? [];
  // What was told long ago may be withdrawn for what happened before: the relay may have heard of it late.
  if (changes.some(({ atMs, value }) => !value && atMs >= toldMs)) return true;
  const own = truth.sources.get(truth.placeOf.get(reader) ?? "") ?? new Map();
  for (const ownStates of own.values())
    for (const { value } of ownStates)
      if (served.ips.some((ip) => value?.owns.includes(ip))) return true;
  return false;
}

export const noAmnesia: Validator = {
  name: "NoAmnesia",
  validate: (history) => {
    const truth = new Truth();
    /** When Felix got it, by relay and key. */
    const told = new Map<string, number>();
    for (const moment of history) {
      truth.take(moment);
      const { atMs, it } = moment;
      if (it.what === "told") {
        const id = `${it.relay} ${it.key}`;
        const key = it.key.split(" ")[1] ?? "";
        if (it.op === "put") {
          if (!told.has(id) || it.isNew) told.set(id, atMs);
          continue;
        }
        const toldMs = told.get(id) ?? 0;
        told.delete(id);
        if (!isJustified(truth, it.uid, it.origin, key, it.served, toldMs))
          return { atMs, message: `${it.relay} withdrew ${it.key} of ${it.origin}, which is there and may be seen` };
      }
      if (it.what !== "felix" || !it.isLoaded) continue;
      for (const [id, { origin, served }] of it.dropped) {
        const key = id.split(" ")[1] ?? "";
        const toldMs = told.get(`${it.relay} ${id}`) ?? 0;
        if (!isJustified(truth, it.uid, origin, key, served, toldMs))
          return { atMs, message: `${it.relay} told its Felix in-sync without ${id} of ${origin}, which is there and may be seen` };
      }
    }
    return null;
  },
};
