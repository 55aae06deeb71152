/** Planted bugs of federated Services: found by runs of their own seeds. */
import { SERVICES_SEEDS } from "../services/seeds.ts";
import type { Mutant } from "./mutant.ts";

const from = SERVICES_SEEDS + 1;

export const OF_SERVICES: readonly Mutant[] = [
  {
    name: "given-before-taken",
    bug: "A slice gives away an endpoint before the one that it moves to has it.",
    from,
    validators: ["NoEmptyWindow"],
    faults: {
      "awaited-stays": { kind: "value", is: "wanted" },
    },
  },
  {
    name: "half-told-is-all",
    bug: "What a cluster has not told yet, after a new writer has begun, is taken out of its slices.",
    from,
    validators: ["NoEmptyWindow"],
    faults: {
      "half-told-stays": { kind: "condition", is: "false" },
    },
  },
  {
    name: "foreign-endpoint-admitted",
    bug: "The address of a Service's endpoint is not compared with the cluster's ranges.",
    from,
    validators: ["NoForeignEndpoint"],
    faults: {
      "foreign-endpoint": { kind: "value", is: "ADMITTED" },
    },
  },
];
