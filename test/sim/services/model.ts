/**
 * What is the case in a run of services, told apart from the product: what each cluster's Services
 * are and whose addresses are, what the writer has been told, and which endpoints a Service is to
 * have by that.
 */
import type { Service, ServiceEndpoint, ServiceExport } from "../../../shared/record/record.ts";

export const NAMESPACE = "shop";
/** Filled by the annotation `app == 'db'`. */
export const BY_SELECTOR = "shop/db";
export const PORT = "sql";

export interface Told {
  readonly services: Map<string, Service>;
  /** By Service and address. */
  readonly endpoints: Map<string, ServiceEndpoint>;
  readonly exports: Map<string, ServiceExport>;
}

export function nothingTold(): Told {
  return { services: new Map(), endpoints: new Map(), exports: new Map() };
}

/** Name of a cluster to what it has told. */
export type Clusters = ReadonlyMap<string, Told>;

/** `cluster address` → ready, of what a Service filled by annotation is to have. */
export function wantedBySelector(clusters: Clusters): ReadonlyMap<string, boolean> {
  const wanted = new Map<string, boolean>();
  for (const { id, one } of selected(clusters))
    wanted.set(id, wanted.get(id) === true || !one.notReady);
  return wanted;
}

/** `cluster address` → the Services for which that is so: each tells the address for itself. */
export function servicesBySelector(clusters: Clusters): ReadonlyMap<string, ReadonlySet<string>> {
  const services = new Map<string, Set<string>>();
  for (const { id, one } of selected(clusters))
    services.set(id, (services.get(id) ?? new Set()).add(one.service));
  return services;
}

function* selected(clusters: Clusters) {
  for (const [cluster, { services, endpoints }] of clusters)
    for (const one of endpoints.values()) {
      const service = services.get(one.service);
      if (service === undefined || service.federated || service.labels["app"] !== "db") continue;
      if (!one.ports.some(({ name, protocol }) => name === PORT && protocol === "tcp")) continue;
      yield { id: `${cluster} ${one.ip}`, one };
    }
}

/** The same of the import of the Service `pg`: the port that the oldest export has. */
export function wantedByExport(clusters: Clusters): ReadonlyMap<string, boolean> {
  const exporting = [...clusters].flatMap(([cluster, told]) => {
    const [service, exported] = [told.services.get("pg"), told.exports.get("pg")];
    return service === undefined || exported === undefined || service.federated
      ? []
      : [{ cluster, told, service, exported }];
  });
  const wanted = new Map<string, boolean>();
  const [oldest] = exporting.toSorted(
    (a, b) => a.exported.createdMs - b.exported.createdMs || (a.cluster < b.cluster ? -1 : 1),
  );
  for (const { cluster, told, service } of exporting) {
    const [port, counts] = [service.ports[0]?.port, oldest?.service.ports[0]?.port];
    if (port !== counts) continue;
    for (const one of told.endpoints.values())
      if (one.service === "pg" && one.ports.some(({ name }) => name === PORT))
        wanted.set(`${cluster} ${one.ip}`, !one.notReady);
  }
  return wanted;
}
