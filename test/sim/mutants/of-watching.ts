/** Planted bugs of what operators are told, of suspension, and of held withdrawals. */
import type { Mutant } from "./mutant.ts";

/** Seeds in which clusters are suspended, go dark, and list less than they have. */
const from = 4_000_000_001;

export const OF_WATCHING: readonly Mutant[] = [
  {
    name: "suspended-untold",
    bug: "Origins are not told that a cluster is suspended.",
    validators: ["SuspendedSilent", "NoLeak", "Converged", "NoGhosts"],
    faults: { "suspended-untold": { kind: "skip" } },
    from,
  },
  {
    name: "restart-is-loss",
    bug: "A cluster is lost as soon as its relay has left, however short it was away.",
    validators: ["LossTold"],
    faults: {
      "restart-is-loss": {
        kind: "value",
        is: "[{ reason, sinceMs: signMs ?? 0, afterMs }, ...quarantineOf(seen)]",
      },
    },
    from,
  },
  {
    name: "loss-not-looked-for",
    bug: "Nobody looks again at a cluster of which nothing comes any more.",
    validators: ["LossTold"],
    faults: { "loss-not-looked-for": { kind: "condition", is: "true" } },
    from,
  },
  {
    name: "health-not-told-again",
    bug: "What the Mesh did not hear of a cluster's health is not told again.",
    validators: ["LossTold"],
    faults: { "health-not-told-again": { kind: "skip" } },
    from,
  },
  {
    name: "mass-let-go",
    bug: "Whatever a list lacks is withdrawn at once.",
    validators: ["NoAmnesia", "NeverInSyncEarly"],
    faults: { "mass-let-go": { kind: "value", is: "false" } },
    from,
  },
  {
    name: "latency-of-nothing",
    bug: "Changes are told to take no time.",
    validators: ["StatusTruthful"],
    faults: {
      "latency-of-nothing": {
        kind: "instead",
        do: "const tookMs = 0 * seenMs;",
      },
    },
    from,
  },
  {
    name: "hold-without-end",
    bug: "A held withdrawal ends only when something else happens.",
    validators: ["NoGhosts", "Converged", "StatusTruthful", "LossTold"],
    faults: { "hold-without-end": { kind: "instead", do: "const ends: number[] = [];" } },
    from,
  },
];
