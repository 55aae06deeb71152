/**
 * Made-up workload endpoints that look like real ones: names of deployments, five labels, addresses
 * one after another.
 */
import type { WorkloadEndpoint } from "../../shared/record/record.ts";

/**
 * Addresses of one mock cluster: a /18 out of 10.0.0.0/8, which makes room for a thousand clusters.
 */
export const MAX_CLUSTERS = 1_024;
export const MAX_ENDPOINTS = 16_000;
/** Pods on one node. */
const PODS_PER_NODE = 60;
/** Label whose value changes: when the change was made, Unix ms with three decimals. */
export const CHANGED_LABEL = "mock.catwalk.dev/changed";

export function podRange(cluster: number): string {
  return `10.${cluster >> 2}.${(cluster & 3) << 6}.0/18`;
}

/** @param changed Value of the label that tells when it was changed last. */
export function madeUpEndpoint(cluster: number, n: number, changed: string): WorkloadEndpoint {
  const app = `app-${n % 97}`;
  const namespace = `team-${n % 23}`;
  const address = ((cluster & 3) << 14) + n + 1;
  return {
    kind: "WorkloadEndpoint",
    node: `node-${Math.floor(n / PODS_PER_NODE)}`,
    orchestrator: "k8s",
    namespace,
    name: `${app}-${((n * 2_654_435_761) % 4_294_967_296).toString(36)}`,
    endpoint: "eth0",
    ips: [`10.${cluster >> 2}.${address >> 8}.${address & 255}`],
    profiles: [`kns.${namespace}`, `ksa.${namespace}.default`],
    labels: {
      app,
      tier: n % 3 === 0 ? "frontend" : "backend",
      [CHANGED_LABEL]: changed,
      "projectcalico.org/namespace": namespace,
      "projectcalico.org/orchestrator": "k8s",
      "projectcalico.org/serviceaccount": "default",
    },
    ports: [],
  };
}
