/** Planted bugs of federated Services: found by runs of their own seeds, some with a hub. */
import { SERVICES_SEEDS } from "../services/seeds.ts";
import type { Mutant } from "./mutant.ts";

const from = SERVICES_SEEDS + 1;
const fromWithHub = 3_500_000_001;

export const OF_SERVICES: readonly Mutant[] = [
  {
    name: "given-before-taken",
    bug: "A slice gives away an endpoint before the one that it moves to has it.",
    from,
    validators: ["NoEmptyWindow"],
    faults: {
      "awaited-stays": { kind: "value", is: "known" },
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
  {
    name: "foreign-endpoint-through-the-hub",
    bug: "Neither hub nor reader compares the address of a Service's endpoint with the ranges.",
    from: fromWithHub,
    validators: ["NoForeignEndpoint", "Converged"],
    faults: {
      "foreign-endpoint": { kind: "value", is: "ADMITTED" },
    },
  },
  {
    name: "told-in-part",
    bug: "A relay that has just begun takes what came of a cluster's Services until now for all.",
    from: fromWithHub,
    validators: ["NoEmptyWindow"],
    faults: {
      "told-in-part": { kind: "value", is: "false" },
    },
  },
  {
    name: "revoked-services-stay",
    bug: "A cluster that may not be seen any more is waited for, and its endpoints stay in slices.",
    from: fromWithHub,
    validators: ["NoGhosts"],
    faults: {
      "revoked-services-stay": { kind: "condition", is: "false" },
    },
  },
  {
    name: "services-unnamed",
    bug: "A scope shows Services whose kinds do not name them.",
    from: fromWithHub,
    validators: ["NoLeak", "NoGhosts", "StatusTruthful", "Reliable"],
    faults: {
      "services-unnamed": { kind: "condition", is: "!isIn(record.namespace)" },
    },
  },
];
