/** Services and endpoints for tests of federated Services. */
import type { JsonObject } from "../../relay/kube/kube-object.ts";
import { Services } from "../../relay/services/services.ts";
import type { CalicoRecord, Labels, Service, ServiceEndpoint } from "../../shared/record/record.ts";

export function service(name: string, labels: Labels, more: Partial<Service> = {}): Service {
  return {
    kind: "Service",
    namespace: "shop",
    name,
    labels,
    ports: [{ name: "sql", protocol: "tcp", port: 5432 }],
    appProtocols: {},
    headless: false,
    publishNotReady: false,
    federated: false,
    affinitySeconds: 0,
    internalLocal: false,
    trafficDistribution: "",
    families: "",
    ...more,
  };
}

export function endpoint(
  of: string,
  ip: string,
  more: Partial<ServiceEndpoint> = {},
): ServiceEndpoint {
  return {
    kind: "ServiceEndpoint",
    namespace: "shop",
    service: of,
    ip,
    ports: [{ name: "sql", protocol: "tcp", port: 5432 }],
    notReady: false,
    notServing: false,
    terminating: false,
    zone: "",
    hostname: "",
    pod: `pod-${ip.split(".").at(-1)}`,
    ...more,
  };
}

/** A Service `shop/db` that asks to be filled. */
export function fillable(
  selector: string,
  annotations: Labels = {},
  spec: JsonObject = {},
): JsonObject {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: {
      name: "db",
      namespace: "shop",
      uid: "uid-1",
      annotations: { "federation.tigera.io/serviceSelector": selector, ...annotations },
    },
    spec: { ports: [{ name: "sql", port: 5432, protocol: "TCP" }], ...spec },
  };
}

/** The Services of cluster `app`, with what a test says of time and other clusters. */
export class FederatedWorld {
  nowMs = 1_000;
  readonly lost = new Map<string, number>();
  readonly incomplete = new Set<string>();
  readonly services: Services;

  /** @param derivedUid See `ServicesPorts`. */
  constructor(derivedUid: (key: string) => string | null = () => "") {
    this.services = new Services({
      now: () => this.nowMs,
      clusterName: () => "app",
      lostMs: (rcc) => this.lost.get(rcc) ?? null,
      isIncomplete: (cluster) => this.incomplete.has(cluster),
      areAllTold: () => this.incomplete.size === 0,
      derivedUid,
    });
  }

  ask(object: JsonObject | null): void {
    this.services.onFillable("Service shop/db", object);
  }

  put(rcc: string | null, ...records: readonly CalicoRecord[]): void {
    this.services.onRecords(
      rcc,
      records.map((record) => ({ op: "put" as const, record })),
    );
  }

  delete(rcc: string | null, ...records: readonly (Service | ServiceEndpoint)[]): void {
    this.services.onRecords(
      rcc,
      records.map((record) => ({ op: "delete" as const, record })),
    );
  }

  /** `cluster ip` of what fills `shop/db`, `-` before what is not ready. */
  filled(): string[] {
    const filling = this.services.filling("shop/db", []);
    if (filling.kind !== "filled") return [filling.kind];
    return filling.selections.flatMap(({ cluster, endpoints }) =>
      endpoints.map(({ ip, ready }) => `${ready ? "" : "-"}${cluster.name} ${ip}`),
    );
  }
}
