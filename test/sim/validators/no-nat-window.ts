/**
 * While a cluster may see another, whose pool has been there since it came, the pool does not leave
 * its Felix: for a moment what goes there would be source-NATed.
 */
import { overlap } from "../addresses.ts";
import type { Validator } from "./validator.ts";

interface KnownRelay {
  granted: ReadonlyMap<string, string>;
  /** Origins that were granted with every fact since it started. */
  always: ReadonlySet<string> | null;
  pools: ReadonlySet<string>;
  /** Felix was told that this is all: before, it keeps what it had. */
  hasSynced: boolean;
}

export const noNatWindow: Validator = {
  name: "NoNatWindow",
  validate: (history) => {
    const relays = new Map<string, KnownRelay>();
    const placeOf = new Map<string, string>();
    /** Pools that places have had since they put them first; those that went once are not. */
    const poolOf = new Map<string, { readonly key: string; readonly cidr: string }>();
    const spoilt = new Set<string>();
    /** All that a place ever had as its own: another's pool around it is kept from Felix. */
    const own = new Map<string, Set<string>>();
    /** `reader origin` of those that are effective. */
    let edges: ReadonlySet<string> = new Set();
    for (const { atMs, it } of history) {
      if (it.what === "member") {
        // Another member in its place has to claim its ranges anew.
        if ([...placeOf.values()].includes(it.place)) spoilt.add(it.place);
        placeOf.set(it.uid, it.place);
      }
      if (it.what === "restored") return null;
      if (it.what === "edges") edges = new Set(it.effective.keys());
      if (it.what === "source" && it.state === null) {
        if (poolOf.get(it.place)?.key === it.key) spoilt.add(it.place);
      } else if (it.what === "source" && it.state?.channel === "pools")
        poolOf.set(it.place, { key: it.key, cidr: it.state.owns[0] ?? "" });
      if (it.what === "source")
        for (const address of it.state?.owns ?? [])
          own.set(it.place, (own.get(it.place) ?? new Set()).add(address));
      if (it.what === "relay") relays.delete(it.relay);
      if (it.what === "heard") {
        const known = relays.get(it.relay);
        const origins = new Set(it.granted.values());
        for (const [rcc, origin] of it.granted) if (it.scopes?.has(rcc)) origins.delete(origin);
        const always =
          known?.always === undefined || known.always === null
            ? origins
            : new Set([...known.always].filter((origin) => origins.has(origin)));
        const pools = known?.pools ?? new Set<string>();
        const hasSynced = known?.hasSynced ?? false;
        relays.set(it.relay, { granted: it.granted, always, pools, hasSynced });
      }
      if (it.what === "felix") {
        const known = relays.get(it.relay);
        if (known !== undefined) known.hasSynced = true;
      }
      if (it.what !== "pools") continue;
      const known = relays.get(it.relay);
      if (known === undefined) continue;
      for (const origin of known.always ?? []) {
        const place = placeOf.get(origin) ?? "";
        const cidr = poolOf.get(place)?.cidr ?? "";
        const mine = own.get(placeOf.get(it.uid) ?? "") ?? [];
        if (!edges.has(`${it.uid} ${origin}`) || [...mine].some((one) => overlap(one, cidr)))
          continue;
        const isGone = known.pools.has(cidr) && !it.modes.has(cidr);
        if (!spoilt.has(place) && known.hasSynced && isGone)
          return {
            atMs,
            message: `the Felix of ${it.relay} source-NATs towards ${cidr} of ${place}, which it may see all the time`,
          };
      }
      relays.set(it.relay, { ...known, pools: new Set(it.modes.keys()) });
    }
    return null;
  },
};
