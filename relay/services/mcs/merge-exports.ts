/**
 * Several clusters' exports of one Service → the one Service that they are together. Where they
 * contradict each other the oldest export counts, and the contradiction is named. Pure. Source: the
 * multi-cluster services API (KEP-1645), conflict resolution. [MCS4] [MCS5] [MCS12]
 */
import type { Labels, Service, ServiceExport, ServicePort } from "../../../shared/record/record.ts";

/** A cluster's Service with the export that offers it. */
export interface ExportedService {
  /** As labels of slices name it. */
  readonly cluster: string;
  /** `null`: of this cluster. */
  readonly rcc: string | null;
  readonly export: ServiceExport;
  readonly service: Service;
}

export interface ImportedPort extends ServicePort {
  /** Empty where there is none. */
  readonly appProtocol: string;
}

/** IP versions of a Service's addresses. */
export type Families = "4" | "6" | "46";

export interface MergedService {
  readonly namespace: string;
  readonly name: string;
  readonly headless: boolean;
  /** By name, then protocol. */
  readonly ports: readonly ImportedPort[];
  readonly affinitySeconds: number;
  readonly internalLocal: boolean;
  readonly trafficDistribution: string;
  readonly families: Families;
  readonly labels: Labels;
  readonly annotations: Labels;
  /** Names of the clusters, sorted. */
  readonly clusters: readonly string[];
  /** None: no conflict. Words of the standard. */
  readonly conflicts: readonly Conflict[];
}

export interface Conflict {
  readonly reason: string;
  /** What contradicts what, and who counts. */
  readonly message: string;
}

/** `null`: nobody exports it. */
export function mergeExports(exported: readonly ExportedService[]): MergedService | null {
  const byAge = exported.toSorted(isOlder);
  const [oldest] = byAge;
  if (oldest === undefined) return null;
  const { service, export: first } = oldest;
  return {
    namespace: service.namespace,
    name: service.name,
    headless: service.headless,
    ports: unionOf(byAge),
    affinitySeconds: service.affinitySeconds,
    internalLocal: service.internalLocal,
    trafficDistribution: service.trafficDistribution,
    families: commonFamilies(byAge),
    labels: first.labels,
    annotations: first.annotations,
    clusters: byAge.map(({ cluster }) => cluster).toSorted(),
    conflicts: conflictsOf(byAge),
  };
}

/** Of two made in the same second the cluster's name decides. */
function isOlder(a: ExportedService, b: ExportedService): number {
  return a.export.createdMs - b.export.createdMs || (a.cluster < b.cluster ? -1 : 1);
}

/**
 * An address of a family that an exporter lacks would lead to a part of the endpoints. So from the
 * oldest on, what each has of those before; one that has nothing of it is passed over: no address
 * would be left. [MCS12]
 */
function commonFamilies(byAge: readonly ExportedService[]): Families {
  const [first = "4", ...others] = byAge.map(({ service }) => familiesOf(service));
  return others.reduce(inBoth, first);
}

function inBoth(common: Families, other: Families): Families {
  const has = (family: string): boolean => common.includes(family) && other.includes(family);
  if (has("4")) return has("6") ? "46" : "4";
  return has("6") ? "6" : common;
}

function familiesOf({ families }: Service): Families {
  if (families === "6") return "6";
  return families.length === 2 ? "46" : "4";
}

/**
 * A port that has the name, or the number, of an older one is not taken. Nor is one beside a port
 * without a name: a Service of several must name all.
 */
function unionOf(byAge: readonly ExportedService[]): readonly ImportedPort[] {
  const ports: ImportedPort[] = [];
  for (const { service } of byAge)
    for (const port of service.ports) {
      if (ports.some((one) => excludes(one, port))) continue;
      ports.push({ ...port, appProtocol: appProtocolOf(service, port.name) });
    }
  return ports.toSorted((a, b) => (orderOf(a) < orderOf(b) ? -1 : 1));
}

function excludes(older: ServicePort, port: ServicePort): boolean {
  if (older.name === "" || port.name === "") return true;
  return older.name === port.name || isSameNumber(older, port);
}

function orderOf({ name, protocol }: ServicePort): string {
  return `${name} ${protocol}`;
}

function isSameNumber(a: ServicePort, b: ServicePort): boolean {
  return a.protocol === b.protocol && a.port === b.port;
}

function appProtocolOf(service: Service, port: string): string {
  return service.appProtocols[port === "" ? "-" : port] ?? "";
}

/**
 * Ports of one cluster's Service that the merged one has too: to the others its endpoints are not
 * given.
 */
export function portsOfCluster(
  merged: Pick<MergedService, "ports">,
  service: Service,
): readonly ServicePort[] {
  return service.ports.filter((port) =>
    merged.ports.some((one) => one.name === port.name && isSameNumber(one, port)),
  );
}

/** Where values must be equal, and what a conflict is called. */
const COMPARED: readonly {
  readonly reason: string;
  readonly what: string;
  readonly of: (exported: ExportedService) => string;
}[] = [
  {
    reason: "PortConflict",
    what: "ports",
    of: ({ service }) =>
      service.ports
        .map((port) => {
          const app = appProtocolOf(service, port.name);
          return `${port.name}:${port.port}/${port.protocol}${app === "" ? "" : `/${app}`}`;
        })
        .join(","),
  },
  {
    reason: "TypeConflict",
    what: "type",
    of: ({ service }) => (service.headless ? "Headless" : "ClusterSetIP"),
  },
  {
    reason: "SessionAffinityConflict",
    what: "sessionAffinity",
    of: ({ service }) => (service.affinitySeconds > 0 ? "ClientIP" : "None"),
  },
  {
    reason: "SessionAffinityConfigConflict",
    what: "sessionAffinityConfig",
    of: ({ service }) => `${service.affinitySeconds} s`,
  },
  {
    reason: "InternalTrafficPolicyConflict",
    what: "internalTrafficPolicy",
    of: ({ service }) => (service.internalLocal ? "Local" : "Cluster"),
  },
  {
    reason: "TrafficDistributionConflict",
    what: "trafficDistribution",
    of: ({ service }) => service.trafficDistribution || "none",
  },
  {
    reason: "IPFamilyConflict",
    what: "ipFamilies",
    of: ({ service }) => familiesOf(service).split("").join("+"),
  },
  { reason: "LabelsConflict", what: "exportedLabels", of: (one) => textOf(one.export.labels) },
  {
    reason: "AnnotationsConflict",
    what: "exportedAnnotations",
    of: (one) => textOf(one.export.annotations),
  },
];

function textOf(labels: Labels): string {
  const sorted = Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify(Object.fromEntries(sorted));
}

function conflictsOf(byAge: readonly ExportedService[]): readonly Conflict[] {
  const [oldest, ...others] = byAge;
  if (oldest === undefined) return [];
  return COMPARED.flatMap(({ reason, what, of }) => {
    const counts = of(oldest);
    const other = others.find((one) => of(one) !== counts);
    if (other === undefined) return [];
    const contrary = `${other.cluster} has ${of(other)}`;
    return [
      {
        reason,
        message: `${what}: ${oldest.cluster} has ${counts}, the oldest export; ${contrary}`,
      },
    ];
  });
}
