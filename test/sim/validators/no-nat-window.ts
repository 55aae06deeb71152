/**
 * While a cluster may see another, whose pool is there, the pool does not leave its Felix: for a
 * moment what goes there would be source-NATed. A pool that was deleted leaves each Felix once for
 * each time, whenever its relay comes to know it.
 *
 * A hub that was put back may know less of an origin than it did: its pools are judged again once
 * its publisher has reconciled and settled, and the reader was in sync with it behind that.
 */
import { holds, overlap } from "../addresses.ts";
import type { Happening } from "../history.ts";
import type { Validator } from "./validator.ts";

const IN_SYNC = 2;

interface KnownRelay {
  /** Origins that it may see whole, by the facts that it heard last. */
  readonly granted: ReadonlySet<string>;
  /** It was told anything since it started, or before. */
  readonly hasHeard: boolean;
  readonly pools: ReadonlySet<string>;
  /** Felix was told that this is all: before, it keeps what it had. */
  readonly hasSynced: boolean;
  /** Place → how often its pool left since this relay started, and while it might be seen. */
  readonly left: ReadonlyMap<string, number>;
}

const UNKNOWN: KnownRelay = {
  granted: new Set(),
  hasHeard: false,
  pools: new Set(),
  hasSynced: false,
  left: new Map(),
};

type Of<W extends Happening["what"]> = Extract<Happening, { what: W }>;

/** What the places had, and what the relays were told. */
class Known {
  readonly #relays = new Map<string, KnownRelay>();
  readonly #placeOf = new Map<string, string>();
  /** The first pool of a place, and how often it was deleted. */
  readonly #pools = new Map<string, { key: string; cidr: string; deleted: number }>();
  /** Places with another member than before, which has to claim its ranges anew. */
  readonly #replaced = new Set<string>();
  /** All that a place ever had as its own: another's pool around it is kept from Felix. */
  readonly #own = new Map<string, Set<string>>();
  /** `reader origin` of those that are effective and show all. */
  #edges: ReadonlySet<string> = new Set();
  #wasRestored = false;
  /** Origins whose publisher has reconciled its pools since the hub was put back. */
  readonly #reconciled = new Set<string>();
  /** `relay origin` of those that were in sync behind that. */
  readonly #sure = new Set<string>();

  /** What is broken, in words. */
  take(it: Happening): string | null {
    if (it.what === "member") {
      if ([...this.#placeOf.values()].includes(it.place)) this.#replaced.add(it.place);
      this.#placeOf.set(it.uid, it.place);
    } else if (it.what === "edges")
      this.#edges = new Set(
        [...it.effective.keys()].filter((pair) => it.scopes?.has(pair) !== true),
      );
    else if (it.what === "source") this.#source(it);
    else if (it.what === "relay") this.#relays.delete(it.relay);
    else if (it.what === "heard") this.#heard(it);
    else if (it.what === "felix") this.#set(it.relay, { hasSynced: true });
    else if (it.what === "restored") this.#restored();
    else if (it.what === "received") this.#received(it);
    else if (it.what === "seen") this.#seen(it);
    else if (it.what === "pools") return this.#delivered(it);
    return null;
  }

  #source({ place, key, state }: Of<"source">): void {
    for (const address of state?.owns ?? [])
      this.#own.set(place, (this.#own.get(place) ?? new Set()).add(address));
    const pool = this.#pools.get(place);
    if (state === null && pool?.key === key) pool.deleted++;
    if (state?.channel !== "pools") return;
    const cidr = state.owns[0] ?? "";
    if (pool === undefined) this.#pools.set(place, { key, cidr, deleted: 0 });
    // It is another one now: the one before goes.
    else if (pool.cidr !== cidr)
      this.#pools.set(place, { key, cidr, deleted: Number.POSITIVE_INFINITY });
  }

  /** Relays hold what it shows to what was narrower before, until they hear from it. */
  #restored(): void {
    this.#wasRestored = true;
    this.#reconciled.clear();
    this.#sure.clear();
  }

  #received({ origin, message }: Of<"received">): void {
    if (message.type === "reconciled" && message.channel === "pools") this.#reconciled.add(origin);
  }

  #seen({ relay, remotes }: Of<"seen">): void {
    for (const { origin, status, isOpen } of remotes)
      if (status === IN_SYNC && isOpen && this.#reconciled.has(origin))
        this.#sure.add(`${relay} ${origin}`);
  }

  /** What an unconfirmed hub shows beyond what was heard before is held back. [BAK4] */
  #heard({ relay, version, granted, scopes, isUnconfirmed }: Of<"heard">): void {
    const before = this.#relays.get(relay) ?? UNKNOWN;
    const whole = [...granted].filter(([rcc]) => scopes?.has(rcc) !== true);
    const origins = whole.map(([, origin]) => origin);
    const holds = isUnconfirmed === true && before.hasHeard;
    const shown = holds ? origins.filter((origin) => before.granted.has(origin)) : origins;
    this.#set(relay, { granted: new Set(shown), hasHeard: version >= 0 });
  }

  #delivered({ relay, uid, modes }: Of<"pools">): string | null {
    const { granted, pools, hasSynced, left } = this.#relays.get(relay) ?? UNKNOWN;
    const mine = [...(this.#own.get(this.#placeOf.get(uid) ?? "") ?? [])];
    const counts = new Map(left);
    let broken: string | null = null;
    for (const origin of granted) {
      const place = this.#placeOf.get(origin) ?? "";
      const { cidr, deleted } = this.#pools.get(place) ?? { cidr: "", deleted: 0 };
      // What lies inside a pool that Felix has is exempt by it.
      const isGone = pools.has(cidr) && ![...modes.keys()].some((pool) => holds(pool, cidr));
      if (!isGone || this.#replaced.has(place) || !this.#edges.has(`${uid} ${origin}`)) continue;
      if (mine.some((one) => overlap(one, cidr))) continue;
      if (this.#wasRestored && !this.#sure.has(`${relay} ${origin}`)) continue;
      const times = (counts.get(place) ?? 0) + 1;
      counts.set(place, times);
      if (hasSynced && times > deleted)
        broken = `the Felix of ${relay} source-NATs towards ${cidr} of ${place}, which it may see`;
    }
    this.#set(relay, { pools: new Set(modes.keys()), left: counts });
    return broken;
  }

  #set(relay: string, change: Partial<KnownRelay>): void {
    this.#relays.set(relay, { ...(this.#relays.get(relay) ?? UNKNOWN), ...change });
  }
}

export const noNatWindow: Validator = {
  name: "NoNatWindow",
  validate: (history) => {
    const known = new Known();
    for (const { atMs, it } of history) {
      const message = known.take(it);
      if (message !== null) return { atMs, message };
    }
    return null;
  },
};
