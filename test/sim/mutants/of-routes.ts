/** Planted bugs of routes between clusters, of the hub and of relays. */
import type { Mutant } from "./mutant.ts";

/** Seeds that draw routes, and those that draw pools inside pools. */
const from = 2_000_000_001;
const fromNested = 4_200_000_001;

export const OF_ROUTES: readonly Mutant[] = [
  {
    name: "route-one-way",
    bug: "One RCC that asks for routes is enough.",
    validators: ["NoRouteWithoutBoth"],
    faults: { "route-one-way": { kind: "condition", is: "rcc.overlayRoutingMode === undefined" } },
    from,
  },
  {
    name: "leave-forgotten",
    bug: "A pair that has left keeps its nodes and tunnels.",
    validators: ["NoRouteWithoutBoth"],
    faults: { "leave-forgotten": { kind: "condition", is: "row.phase === undefined" } },
    from,
  },
  {
    name: "routes-before-commit",
    bug: "Felix has blocks before the other cluster knows its nodes.",
    validators: ["NoRouteWithoutBoth"],
    faults: { "routes-before-commit": { kind: "skip" } },
    from,
  },
  {
    name: "obeyed-before-it-came",
    bug: "A relay says that it has obeyed before nodes and blocks have come.",
    validators: ["NoRouteWithoutBoth"],
    faults: { "obeyed-before-it-came": { kind: "condition", is: "overlay === undefined" } },
    from,
  },
  {
    name: "withheld-channel-served",
    bug: "A reader that may not route is sent nodes and blocks all the same.",
    validators: ["NoRouteWithoutBoth"],
    faults: { "withheld-channel-served": { kind: "instead", do: "const logs = whole;" } },
    from,
  },
  {
    name: "vxlan-without-local-pool",
    bug: "A remote pool has VXLAN where the cluster has no pool with it.",
    validators: ["NoFlagFlip"],
    faults: { "vxlan-without-local-pool": { kind: "value", is: "true" } },
    from,
  },
  {
    name: "nested-pools-told",
    bug: "Felix is given a pool that lies inside another one.",
    validators: ["FelixLives"],
    faults: { "nested-pools-told": { kind: "condition", is: "false" } },
    from: fromNested,
  },
  {
    name: "plain-pool-told",
    bug: "A Felix that counts pools without a mode is given one where all of its own have one.",
    validators: ["FelixLives"],
    faults: { "plain-pool-told": { kind: "value", is: '"none"' } },
    from: fromNested,
  },
  {
    name: "nat-window",
    bug: "Pools leave Felix and come again when a pair is switched on.",
    validators: ["NoNatWindow"],
    faults: {
      "nat-window": {
        kind: "before",
        do: `if (facts.remotes.some(({ overlay }) => overlay?.phase === "prepare"))
      for (const own of [{ refusesPool: () => "switching" }, this.#own]) this.pools.setOwn(own);`,
      },
    },
    from,
  },
  {
    name: "nat-window-after-restore",
    bug: "Pools leave Felix and come again with each word of a hub that was put back.",
    validators: ["NoNatWindow"],
    faults: {
      "nat-window": {
        kind: "before",
        do: `if (facts.unconfirmedRestore !== undefined)
      for (const own of [{ refusesPool: () => "restored" }, this.#own]) this.pools.setOwn(own);`,
      },
    },
    from,
  },
];
