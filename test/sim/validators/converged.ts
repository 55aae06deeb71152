/**
 * When all is quiet, every reader has exactly what its origins have and it may see. What is missing
 * or different is `Converged`, what is too much `NoGhosts`.
 */
import { holds, overlap } from "../addresses.ts";
import type { Happening, Moment, QuietRelay } from "../history.ts";
import { ghostInSlices, lackInSlices } from "./slices-truth.ts";
import { shownHash, Truth } from "./truth.ts";
import type { Validator, Violation } from "./validator.ts";

export interface Wanted {
  readonly hash: string;
  readonly isPrefixed: boolean;
}

export function expected(truth: Truth, relay: QuietRelay): Map<string, Wanted> {
  const wanted = new Map<string, Wanted>();
  const own = [...truth.ownAddresses(relay.uid)];
  for (const [pair, rcc] of truth.edges) {
    const [reader = "", origin = ""] = pair.split(" ");
    if (reader !== relay.uid) continue;
    const scope = truth.scopes.get(pair);
    for (const [key, state] of truth.has(origin)) {
      // What is for routes is `NoRouteWithoutBoth`.
      if (state.channel === "routing") continue;
      const hash = shownHash(state, scope);
      if (hash !== null && !state.ips.some((ip) => own.some((mine) => overlap(ip, mine))))
        wanted.set(`${rcc} ${key}`, { hash, isPrefixed: truth.prefixed.has(pair) });
    }
  }
  return wanted;
}

/**
 * Pools that are exempted from NAT on both sides of each edge: the origin's where they are shown,
 * the reader's always.
 */
function expectedPools(truth: Truth, { uid }: QuietRelay): Set<string> {
  const own = [...truth.ownAddresses(uid)];
  const pools = new Set<string>();
  for (const pair of truth.edges.keys()) {
    const [reader = "", origin = ""] = pair.split(" ");
    if (reader !== uid && origin !== uid) continue;
    const scope = reader === uid ? truth.scopes.get(pair) : undefined;
    for (const state of truth.has(reader === uid ? origin : reader).values())
      if (state.channel === "pools" && (scope === undefined || state.shown?.(scope) != null))
        for (const cidr of state.ips) if (!own.some((mine) => overlap(cidr, mine))) pools.add(cidr);
  }
  return pools;
}

export function atQuiet(
  history: readonly Moment[],
  judge: (truth: Truth, quiet: Extract<Happening, { what: "quiet" }>) => string | null,
): Violation | null {
  const truth = new Truth();
  for (const moment of history) {
    truth.take(moment);
    if (moment.it.what !== "quiet") continue;
    const message = judge(truth, moment.it);
    if (message !== null) return { atMs: moment.atMs, message };
  }
  return null;
}

export const converged: Validator = {
  name: "Converged",
  validate: (history) =>
    atQuiet(history, (truth, quiet) => {
      for (const relay of quiet.relays) {
        const missing = [...expectedPools(truth, relay)].find(
          (cidr) => !relay.pools.some((pool) => holds(pool, cidr)),
        );
        if (missing !== undefined)
          return `the Felix of ${relay.relay} source-NATs towards ${missing}`;
      }
      for (const relay of quiet.relays)
        for (const [key, { hash, isPrefixed }] of expected(truth, relay)) {
          const has = relay.felix.get(key);
          if (has?.hash !== hash)
            return `${relay.relay} has ${has?.hash ?? "nothing"} under ${key}, its origin ${hash}`;
          if ((has.isPrefixed === true) !== isPrefixed)
            return `${relay.relay} gives ${key} to rules ${isPrefixed ? "without" : "with"} the RCC's prefix`;
        }
      for (const { origin, admitted } of quiet.origins) {
        // What nobody asks for is published no more, and stays as it was.
        const isCounted = (channel: string): boolean =>
          channel !== "services" || truth.isAsked(origin);
        const own = [...truth.has(origin).values()].filter(({ channel }) => isCounted(channel));
        const count = [...admitted].reduce((sum, [of, n]) => sum + (isCounted(of) ? n : 0), 0);
        if (count !== own.length)
          return `Origin ${origin} has admitted ${count} records, its source has ${own.length} of its own`;
      }
      const lack = lackInSlices(truth, quiet);
      if (lack !== null) return lack;
      return quiet.unacknowledged === 0
        ? null
        : `${quiet.unacknowledged} Origins have not acknowledged their facts`;
    }),
};

/** Scope ids by RCC name. */
type Scopes = ReadonlyMap<string, string>;

/**
 * Also before the end: of what a relay was told is not granted, nothing is served; nor, when it is
 * told of a scope, what that does not show.
 */
export const noGhosts: Validator = {
  name: "NoGhosts",
  validate: (history) => {
    const granted = new Map<string, ReadonlyMap<string, string>>();
    /** By relay: the newest facts that it has taken, and when. */
    const heard = new Map<string, { atMs: number; version: number; scopes: Scopes }>();
    let isRestored = false;
    for (const { atMs, it } of history) {
      // A hub that was restored shows what it showed then, also to a relay that has heard otherwise
      // since. [BAK3]
      isRestored ||= it.what === "restored";
      // What is on disk when it starts may be behind what the hub has shown it.
      if (it.what === "relay") heard.delete(it.relay);
      if (it.what === "heard") {
        granted.set(it.relay, it.granted);
        const { version, scopes = new Map() } = it;
        const before = heard.get(it.relay);
        if (before === undefined) heard.set(it.relay, { atMs, version, scopes: new Map() });
        else if (before.version < version) heard.set(it.relay, { atMs, version, scopes });
      }
      if (it.what !== "seen") continue;
      const last = heard.get(it.relay);
      for (const { rcc, served } of it.remotes) {
        // Later it may have been sent what its origin was told to show it since.
        const isDue = last?.atMs === atMs && !isRestored;
        const scope = isDue ? last.scopes.get(rcc) : undefined;
        if (scope !== undefined && [...served.values()].some(({ fits }) => fits?.(scope) === false))
          return {
            atMs,
            message: `${it.relay} serves of ${rcc} what the scope that it was told of does not show`,
          };
        if (served.size > 0 && granted.get(it.relay)?.has(rcc) !== true)
          return {
            atMs,
            message: `${it.relay} serves ${served.size} records of ${rcc}, which it was told is not granted`,
          };
      }
    }
    return atQuiet(history, (truth, quiet) => {
      for (const relay of quiet.relays) {
        const wanted = expected(truth, relay);
        for (const key of relay.felix.keys())
          if (!wanted.has(key))
            return `${relay.relay} still has ${key}, which no origin has for it`;
        const pools = expectedPools(truth, relay);
        const left = relay.pools.find((cidr) => !pools.has(cidr));
        if (left !== undefined) return `the Felix of ${relay.relay} still has pool ${left}`;
      }
      return ghostInSlices(truth, quiet);
    });
  },
};
