/**
 * The endpoints that fill a federated Service: Services of its namespace whose labels match, those
 * of other clusters with the RCC's name as a label; ports match by name and protocol. Pure.
 * [SVC12] [SVC13] [SVC14] [SVC15]
 */
import { matches } from "../../shared/selector/ast.ts";
import type { ServiceEndpoint, ServicePort } from "../../shared/record/record.ts";
import { REMOTE_LABEL } from "../kube/service-labels.ts";
import type { FederatedService } from "./federated-service.ts";
import type { Backing, ServiceTable } from "./service-table.ts";

/** One cluster that fills Services: this one, or a remote. */
export interface SourceCluster {
  /** RCC's name; `null`: this cluster. */
  readonly rcc: string | null;
  /** Its name in labels of slices. */
  readonly name: string;
  readonly table: ServiceTable;
  /** When it was lost, in ms of the caller's clock; `null`: it is there. */
  readonly lostMs: number | null;
}

export interface SelectedEndpoint {
  readonly ip: string;
  readonly ports: readonly ServicePort[];
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
  readonly zone: string;
  readonly hostname: string;
  readonly pod: string;
  /** Of this cluster's endpoints only: equal names in two clusters are two nodes. */
  readonly node: string;
}

/** What one cluster gives to a Service. */
export interface Selection {
  readonly cluster: SourceCluster;
  /** Names of the Services that matched. */
  readonly services: readonly string[];
  readonly endpoints: readonly SelectedEndpoint[];
  /** Ports of the federated Service that none of those endpoints has. */
  readonly unmatchedPorts: readonly string[];
  /** When the newest of it was changed; 0: not told. */
  readonly changedMs: number;
  /** Not heard for longer than `lost-after`: what is not ready is so for that. */
  readonly isLostTooLong: boolean;
  readonly missing: Missing;
}

/** What a selection lacks of that which its cluster tells. [SVC41] */
export interface Missing {
  /** Services that match, and are themselves filled from others. */
  readonly federated: readonly string[];
  /** Of an import: ports of the cluster's Service that an older export has otherwise. */
  readonly untakenPorts: readonly string[];
  /** Endpoints without a port that is wanted. */
  readonly portless: number;
  /** Endpoints that are left out while the preferred side has a ready one. */
  readonly leftOut: number;
  /** Endpoints that are not ready only because their cluster is lost for too long. */
  readonly timedOut: number;
}

export function selectEndpoints(
  federated: FederatedService,
  clusters: readonly SourceCluster[],
  nowMs: number,
): readonly Selection[] {
  const selections = clusters.map((cluster) => selectOf(federated, cluster));
  return withLost(federated, withAffinity(federated, selections), nowMs);
}

function selectOf(federated: FederatedService, cluster: SourceCluster): Selection {
  const named = [...cluster.table.backings(federated.namespace)].filter(({ service }) =>
    hasLabels(federated, cluster.rcc, service),
  );
  const matched = named.filter(({ service }) => service?.federated === false);
  const found = selectionOf(federated.ports, cluster, matched, (endpoint) =>
    portsOf(federated, endpoint),
  );
  // The Service itself matches its own selector, as a rule.
  const itself = cluster.rcc === null ? federated.name : "";
  const names = named.flatMap(({ service }) => (service?.federated === true ? service.name : []));
  const others = names.filter((name) => name !== itself).toSorted();
  return { ...found, missing: { ...found.missing, federated: others } };
}

/** @param ports Those of an endpoint that are wanted; of one without any nothing is. */
export function selectionOf(
  wanted: FederatedService["ports"],
  cluster: SourceCluster,
  matched: readonly Backing[],
  ports: (endpoint: ServiceEndpoint) => readonly ServicePort[],
): Selection {
  const endpoints = new Map<string, SelectedEndpoint>();
  let portless = 0;
  for (const { endpoints: all } of matched)
    for (const endpoint of all.values()) {
      const own = ports(endpoint);
      if (own.length === 0) {
        portless++;
        continue;
      }
      const id = `${endpoint.ip} ${portsText(own)}`;
      const next = selected(endpoint, own, cluster.table);
      // Two Services of one pod: ready for one of them is ready.
      if (endpoints.get(id)?.ready !== true) endpoints.set(id, next);
    }
  const found = [...endpoints.values()].toSorted((a, b) => (a.ip < b.ip ? -1 : 1));
  return {
    cluster,
    services: matched.flatMap(({ service }) => service?.name ?? []).toSorted(),
    endpoints: found,
    unmatchedPorts: wanted
      .filter(({ name, protocol }) => !found.some((one) => hasPort(one.ports, name, protocol)))
      .map(portText),
    changedMs: matched.reduce((newest, { changedMs }) => Math.max(newest, changedMs), 0),
    isLostTooLong: false,
    missing: { federated: [], untakenPorts: [], portless, leftOut: 0, timedOut: 0 },
  };
}

/** The label is there on remote Services only, whatever a Service says of itself. */
export function isSelected(
  federated: FederatedService,
  rcc: string | null,
  { service }: Backing,
): boolean {
  return service?.federated === false && hasLabels(federated, rcc, service);
}

function hasLabels(
  federated: FederatedService,
  rcc: string | null,
  service: Backing["service"],
): boolean {
  if (service === null) return false;
  const { labels } = service;
  return matches(federated.selector, (label) =>
    label === REMOTE_LABEL
      ? (rcc ?? undefined)
      : Object.hasOwn(labels, label)
        ? labels[label]
        : undefined,
  );
}

function portsOf(federated: FederatedService, endpoint: ServiceEndpoint): readonly ServicePort[] {
  return endpoint.ports.filter((port) =>
    federated.ports.some(({ name, protocol }) => name === port.name && protocol === port.protocol),
  );
}

function hasPort(
  ports: readonly ServicePort[],
  name: string,
  protocol: ServicePort["protocol"],
): boolean {
  return ports.some((port) => port.name === name && port.protocol === protocol);
}

/** `name/protocol`; `-`: without a name. */
export function portText({ name, protocol }: Pick<ServicePort, "name" | "protocol">): string {
  return `${name === "" ? "-" : name}/${protocol}`;
}

export function portsText(ports: readonly ServicePort[]): string {
  return ports.map(({ name, protocol, port }) => `${name}/${protocol}/${port}`).join(",");
}

function selected(
  endpoint: ServiceEndpoint,
  ports: readonly ServicePort[],
  table: ServiceTable,
): SelectedEndpoint {
  const { ip, zone, hostname, pod, namespace } = endpoint;
  return {
    ip,
    ports,
    ready: !endpoint.notReady,
    serving: !endpoint.notServing,
    terminating: endpoint.terminating,
    zone,
    hostname,
    pod,
    node: table.nodeOf(namespace, pod),
  };
}

/** Of the preferred side alone, while something of it is ready. */
function withAffinity(
  { affinity }: FederatedService,
  selections: readonly Selection[],
): readonly Selection[] {
  if (affinity === "none") return selections;
  const isPreferred = ({ cluster }: Selection): boolean =>
    (cluster.rcc === null) === (affinity === "local");
  const isThere = selections.some((one) => isPreferred(one) && one.endpoints.some(isReady));
  return isThere ? selections.map((one) => (isPreferred(one) ? one : leftOut(one))) : selections;
}

function leftOut(one: Selection): Selection {
  return {
    ...one,
    endpoints: [],
    missing: { ...one.missing, leftOut: one.endpoints.length },
  };
}

/** Not ready any more where its cluster is lost for too long, unless nothing else is ready. */
function withLost(
  { lostAfterMs }: FederatedService,
  selections: readonly Selection[],
  nowMs: number,
): readonly Selection[] {
  if (lostAfterMs === null) return selections;
  const isLost = ({ cluster: { lostMs } }: Selection): boolean =>
    lostMs !== null && nowMs - lostMs >= lostAfterMs;
  if (!selections.some((one) => !isLost(one) && one.endpoints.some(isReady))) return selections;
  return selections.map((one) =>
    isLost(one)
      ? {
          ...one,
          isLostTooLong: true,
          endpoints: one.endpoints.map((each) => ({ ...each, ready: false, serving: false })),
          missing: { ...one.missing, timedOut: one.endpoints.filter(isReady).length },
        }
      : one,
  );
}

function isReady({ ready }: SelectedEndpoint): boolean {
  return ready;
}
