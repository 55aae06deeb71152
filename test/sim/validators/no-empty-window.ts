/**
 * No endpoint leaves the slices of a Service that was wanted there all the time since it was first
 * wanted: not because a relay, the hub or a connection ended, was put back, or knows only a part.
 */
import type { Happening } from "../history.ts";
import { wantedInSlices } from "./slices-truth.ts";
import { Truth } from "./truth.ts";
import type { Validator } from "./validator.ts";

/** After these something else may be wanted. */
const CHANGES: ReadonlySet<Happening["what"]> = new Set(["asking", "edges", "member", "source"]);

/** What one Service of a cluster is to have. */
interface Steady {
  /** Wanted now. */
  wanted: ReadonlySet<string>;
  /** Those that were wanted at some time, and then not. */
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
        if (!it.endpoints.has(one) && steady.wanted.has(one) && !steady.left.has(one))
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
  const wanted = new Set(wantedInSlices(truth, uid, service).keys());
  for (const one of steady.wanted) if (!wanted.has(one)) steady.left.add(one);
  steady.wanted = wanted;
}
