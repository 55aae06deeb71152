/**
 * No endpoint leaves the slices of a Service that was wanted there all the time since it was first
 * wanted, of the same Services: not because a relay, the hub or a connection ended, was put back,
 * or knows only a part.
 */
import type { Happening, Moment } from "../history.ts";
import { BY_SELECTOR } from "../services/model.ts";
import { wantedOfServices } from "./slices-truth.ts";
import { Truth } from "./truth.ts";
import type { Validator } from "./validator.ts";

type Of<W extends Happening["what"]> = Extract<Happening, { what: W }>;

/** The one Service that is exported. */
const EXPORTED = "pg";

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
    const mixtures = new Mixtures();
    for (const moment of history) {
      truth.take(moment);
      mixtures.take(moment);
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
        if (!it.endpoints.has(one) && isWanted(steady, one) && !mixtures.explains(truth, it, one))
          return {
            atMs,
            message: `${it.relay} has taken ${one} out of the slices of ${it.service}, which was wanted all the time`,
          };
      steady.has = new Set(it.endpoints.keys());
    }
    return null;
  },
};

/**
 * What two records of a cluster tell in any order, and perhaps long after: who reads it only now
 * may meet a state of both that never was.
 */
class Mixtures {
  readonly #ips = new Map<string, string>();
  readonly #left = new Set<string>();
  readonly #ports = new Set<number | undefined>();

  take({ it }: Moment): void {
    if (it.what !== "source") return;
    const id = `${it.place} ${it.key}`;
    const ip = this.#ips.get(id);
    if (it.state === null && ip !== undefined) this.#left.add(`${it.place} ${ip}`);
    const record = it.state?.record;
    if (record?.kind === "ServiceEndpoint") this.#ips.set(id, record.ip);
    if (record?.kind === "Service" && record.name === EXPORTED)
      this.#ports.add(record.ports[0]?.port);
  }

  /**
   * Whether an endpoint may leave by one: its address has left a Service, and may be another's
   * since; or an export that ended, and a port that came later, contradict its own cluster's.
   * @param one Cluster, as its reader calls it, and address.
   */
  explains(truth: Truth, { uid, service }: Of<"slices">, one: string): boolean {
    if (service !== BY_SELECTOR && this.#ports.size > 1) return true;
    const [cluster = "", ip = ""] = one.split(" ");
    const [pair = ""] =
      [...truth.edges].find(([of, rcc]) => of.startsWith(`${uid} `) && rcc === cluster) ?? [];
    const place = truth.placeOf.get(pair.split(" ")[1] ?? "");
    return place !== undefined && this.#left.has(`${place} ${ip}`);
  }
}

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
