/**
 * No endpoint leaves the slices of a Service that was wanted there all the time since it was first
 * wanted, of the same Services: not because a relay, the hub or a connection ended, was put back,
 * or knows only a part.
 */
import type { Happening } from "../history.ts";
import { wantedOfServices } from "./slices-truth.ts";
import { Truth } from "./truth.ts";
import type { Validator } from "./validator.ts";

/** After these something else may be wanted. */
const CHANGES: ReadonlySet<Happening["what"]> = new Set(["asking", "edges", "member", "source"]);

/** What one Service of a cluster is to have. */
interface Steady {
  /** Wanted now, by cluster, address and Service. */
  wanted: ReadonlySet<string>;
  /** Those of which this was so at some time, and then not; by cluster and address. */
  readonly left: Set<string>;
  /** In its slices. */
  has: ReadonlySet<string>;
}

export const noEmptyWindow: Validator = {
  name: "NoEmptyWindow",
  validate: (history) => {
    const services = new Set(history.flatMap(({ it }) => (it.what === "slices" ? it.service : [])));
    if (services.size === 0) return null;
    const truth = new Truth();
    /** By cluster and Service. */
    const known = new Map<string, Steady>();
    for (const moment of history) {
      truth.take(moment);
      const { atMs, it } = moment;
      // A hub that was put back shows what it showed then.
      if (it.what === "restored") return null;
      if (it.what === "member")
        for (const service of services)
          known.set(`${it.uid} ${service}`, { wanted: new Set(), left: new Set(), has: new Set() });
      if (CHANGES.has(it.what)) for (const [id, steady] of known) update(truth, id, steady);
      if (it.what !== "slices") continue;
      const steady = known.get(`${it.uid} ${it.service}`);
      if (steady === undefined) throw new Error("BUG: slices of no member");
      for (const one of steady.has)
        if (!it.endpoints.has(one) && isWanted(steady, one))
          return {
            atMs,
            message: `${it.relay} has taken ${one} out of the slices of ${it.service}, which was wanted all the time`,
          };
      steady.has = new Set(it.endpoints.keys());
    }
    return null;
  },
};

function update(truth: Truth, id: string, steady: Steady): void {
  const [uid = "", service = ""] = id.split(" ");
  const wanted = wantedOfServices(truth, uid, service);
  for (const one of steady.wanted) if (!wanted.has(one)) steady.left.add(addressIn(one));
  steady.wanted = wanted;
}

/** All the time, and of all Services that it was wanted of. */
function isWanted({ wanted, left }: Steady, one: string): boolean {
  return !left.has(one) && [...wanted].some((each) => addressIn(each) === one);
}

function addressIn(each: string): string {
  return each.slice(0, each.lastIndexOf(" "));
}
