/**
 * No Felix has routes to a cluster unless both clusters' RCCs ask for them and both are granted;
 * blocks only once the pair is ordered to commit; and a relay says that it has obeyed only when
 * what the order is about has come. At the end routes are never one-way.
 */
import { WITHHELD_EPOCH } from "../../../shared/log/cursor.ts";
import type { OverlayPhase } from "../../../shared/visibility/overlay-order.ts";
import type { Happening, Moment } from "../history.ts";
import { Truth } from "./truth.ts";
import type { Validator } from "./validator.ts";

/** Two UIDs in order. */
function pairOf(a: string, b: string): string {
  return [a, b].toSorted().join(" ");
}

/** Pairs of which both directions ask for routes. */
function bothOf(routed: ReadonlySet<string>): Set<string> {
  const both = new Set<string>();
  for (const one of routed) {
    const [reader = "", origin = ""] = one.split(" ");
    if (routed.has(`${origin} ${reader}`)) both.add(pairOf(reader, origin));
  }
  return both;
}

interface KnownRelay {
  granted: ReadonlyMap<string, string>;
  orders: ReadonlyMap<string, OverlayPhase>;
  /** RCC and name of what Felix has. */
  readonly items: Map<string, "node" | "block">;
  /** RCCs of which it has told Felix something since it started. */
  readonly came: Set<string>;
}

class Routes {
  readonly relays = new Map<string, KnownRelay>();
  /** By place: a relay has on disk what it had before its cluster was another member. */
  readonly #ever = new Set<string>();
  now = new Set<string>();
  readonly #truth: Truth;

  constructor(truth: Truth) {
    this.#truth = truth;
  }

  relay(name: string): KnownRelay {
    const known = this.relays.get(name) ?? {
      granted: new Map(),
      orders: new Map(),
      items: new Map(),
      came: new Set(),
    };
    this.relays.set(name, known);
    return known;
  }

  /** @returns What is wrong. */
  take(it: Happening): string | null {
    if (it.what === "edges") {
      this.now = bothOf(it.routed ?? new Set());
      for (const pair of this.now) this.#ever.add(this.#placesOf(pair));
    }
    if (it.what === "relay") {
      this.relay(it.relay).items.clear();
      this.relay(it.relay).came.clear();
    }
    if (it.what === "heard") {
      const known = this.relay(it.relay);
      known.granted = it.granted;
      known.orders = it.orders ?? new Map();
    }
    if (it.what === "sent" && this.#isTooMuch(it))
      return `Origin ${it.origin} sends its nodes and blocks to ${it.to}, and the two never both asked for routes`;
    if (it.what === "obeyed" && !this.#hasCome(it))
      return `${it.relay} says that it has obeyed the order about ${it.rcc}, of which nothing has come`;
    return it.what === "routes" ? this.#told(it) : null;
  }

  #placesOf(pair: string): string {
    const [a = "", b = ""] = pair.split(" ").map((uid) => this.#truth.placeOf.get(uid) ?? uid);
    return pairOf(a, b);
  }

  /** It was told so on this connection, or has it from disk. */
  #hasCome({ relay, rcc, epoch }: Extract<Happening, { what: "obeyed" }>): boolean {
    if (epoch !== null && epoch !== WITHHELD_EPOCH) return true;
    return this.relay(relay).came.has(rcc);
  }

  #isTooMuch({ role, to, origin, message }: Extract<Happening, { what: "sent" }>): boolean {
    if (role !== "watch" || to === origin || this.#ever.has(this.#placesOf(pairOf(to, origin))))
      return false;
    if (message.type !== "checkpoint" && message.type !== "repair-plan") return false;
    return message.channel === "routing" && message.epoch !== WITHHELD_EPOCH;
  }

  #told({ relay, uid, changes }: Extract<Happening, { what: "routes" }>): string | null {
    const { granted, orders, items, came } = this.relay(relay);
    for (const { rcc, kind, op, name } of changes) {
      if (op === "delete") {
        items.delete(`${rcc} ${name}`);
        continue;
      }
      items.set(`${rcc} ${name}`, kind);
      came.add(rcc);
      const pair = pairOf(uid, granted.get(rcc) ?? "");
      if (!this.#ever.has(this.#placesOf(pair)))
        return `${relay} tells Felix of ${kind} ${name} of ${rcc}, and the two never both asked for routes`;
      if (kind === "block" && orders.get(rcc) !== "commit")
        return `${relay} tells Felix of block ${name} of ${rcc} at ${orders.get(rcc) ?? "no order"}`;
    }
    return null;
  }

  atEnd({ relays }: Extract<Happening, { what: "quiet" }>): string | null {
    const has = new Map<string, { readonly relay: string; readonly uid: string }>();
    for (const { relay, uid } of relays) {
      const { granted, items } = this.relay(relay);
      for (const id of items.keys()) {
        const origin = granted.get(id.split(" ")[0] ?? "") ?? "";
        if (!this.now.has(pairOf(uid, origin)))
          return `${relay} still has ${id}, and the two do not both ask for routes`;
        has.set(`${uid} ${origin}`, { relay, uid });
      }
    }
    for (const [way, { relay }] of has) {
      if (!has.has(way.split(" ").toReversed().join(" ")))
        return `${relay} has routes of ${way}, and the other cluster none back`;
    }
    return null;
  }
}

export const noRouteWithoutBoth: Validator = {
  name: "NoRouteWithoutBoth",
  validate: (history: readonly Moment[]) => {
    const truth = new Truth();
    const routes = new Routes(truth);
    for (const { atMs, it } of history) {
      truth.take({ atMs, it });
      const message = routes.take(it) ?? (it.what === "quiet" ? routes.atEnd(it) : null);
      if (message !== null) return { atMs, message };
    }
    return null;
  },
};
