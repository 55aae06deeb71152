/**
 * No slice has an endpoint of a cluster that never was that cluster's own: of what each place has
 * only addresses of its range are its own, and of one that comes and goes those that were there
 * while it was the place's.
 */
import { Truth } from "./truth.ts";
import type { Validator } from "./validator.ts";

export const noForeignEndpoint: Validator = {
  name: "NoForeignEndpoint",
  validate: (history) => {
    const truth = new Truth();
    /**
     * Numbers of the places that a name has stood for, by place and RCC: what was told under it
     * is served until the cluster that it names now has told its own.
     */
    const named = new Map<string, Set<string>>();
    /** By place, outside of its range. */
    const everOwn = new Map<string, Set<string>>();
    for (const moment of history) {
      truth.take(moment);
      const { atMs, it } = moment;
      if (it.what === "source" && it.state?.isOwn === true && it.state.channel === "services")
        for (const ip of it.state.ips)
          everOwn.set(it.place, (everOwn.get(it.place) ?? new Set()).add(ip));
      if (it.what === "heard" && it.cluster !== undefined)
        for (const [rcc, origin] of it.granted) {
          const id = `${truth.placeOf.get(it.cluster) ?? ""} ${rcc}`;
          const number = (truth.placeOf.get(origin) ?? "").slice(1);
          named.set(id, (named.get(id) ?? new Set()).add(number));
        }
      if (it.what !== "slices") continue;
      for (const id of it.endpoints.keys()) {
        const [cluster = "", ip = ""] = id.split(" ");
        // What a cluster's own controllers have put there is its own matter.
        if (cluster === it.place) continue;
        const numbers = [...(named.get(`${it.place} ${cluster}`) ?? [])];
        const isOf = (number: string): boolean =>
          ip.startsWith(`10.${number}.`) || everOwn.get(`p${number}`)?.has(ip) === true;
        if (!numbers.some(isOf))
          return {
            atMs,
            message: `${it.relay} has written ${ip} into slices of ${it.service} as ${cluster}'s, which was p${numbers.join(", p")}`,
          };
      }
    }
    return null;
  },
};
