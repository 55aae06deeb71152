/**
 * Selected endpoints as EndpointSlices: one set a source cluster, family and set of ports, at most
 * 100 endpoints each. An endpoint stays in the slice that it is in, so that one pod's change is one
 * write. Pure. [SVC20] [SVC21] [SVC22]
 */
import { toHex } from "../../shared/lib/bytes.ts";
import { sha256 } from "../../shared/lib/hash.ts";
import type { ServicePort } from "../../shared/record/record.ts";
import type { JsonObject } from "../kube/kube-object.ts";
import {
  CHANGE_TIME,
  HEADLESS,
  MANAGED_BY,
  MULTICLUSTER_SERVICE,
  OUR_MANAGER,
  SERVICE_NAME,
  SOURCE_CLUSTER,
} from "../kube/service-labels.ts";
import type { FederatedPort, FederatedService } from "./federated-service.ts";
import { portsText } from "./select-endpoints.ts";
import type { SelectedEndpoint, Selection } from "./select-endpoints.ts";

export const MOST_ENDPOINTS = 100;

/** Of a slice of ours, in the API server: what decides where endpoints stay. */
export interface HeldSlice {
  readonly name: string;
  /** See `groupOf`. */
  readonly group: string;
  /** Name of the source cluster, as its label says. */
  readonly cluster: string;
  readonly ports: readonly ServicePort[];
  readonly addresses: readonly string[];
}

export interface DesiredSlice {
  readonly name: string;
  readonly group: string;
  /** Name of the cluster, in its label. */
  readonly cluster: string;
  readonly addresses: readonly string[];
  readonly ready: ReadonlySet<string>;
  readonly object: JsonObject;
  /** See `Selection`. */
  readonly isLostTooLong: boolean;
  /** When the source changed it; 0: not told. */
  readonly changedMs: number;
}

interface Group {
  readonly id: string;
  readonly selection: Selection;
  readonly family: "IPv4" | "IPv6";
  readonly ports: readonly ServicePort[];
  readonly endpoints: readonly SelectedEndpoint[];
}

/** What the endpoints of one slice have in common. */
export function groupOf(cluster: string, family: string, ports: readonly ServicePort[]): string {
  return `${cluster} ${family} ${portsText(ports)}`;
}

export function desiredSlices(
  federated: FederatedService,
  selections: readonly Selection[],
  held: readonly HeldSlice[],
): readonly DesiredSlice[] {
  return selections.flatMap(groupsOf).flatMap((group) =>
    slicesOf(
      federated,
      group,
      held.filter(({ group: id }) => id === group.id),
    ),
  );
}

function groupsOf(selection: Selection): readonly Group[] {
  const groups = new Map<string, Group & { readonly endpoints: SelectedEndpoint[] }>();
  for (const endpoint of selection.endpoints) {
    const family = endpoint.ip.includes(":") ? "IPv6" : "IPv4";
    const { ports } = endpoint;
    const id = groupOf(selection.cluster.name, family, ports);
    const group = groups.get(id) ?? { id, selection, family, ports, endpoints: [] };
    groups.set(id, group);
    group.endpoints.push(endpoint);
  }
  return [...groups.values()];
}

function slicesOf(
  federated: FederatedService,
  group: Group,
  held: readonly HeldSlice[],
): readonly DesiredSlice[] {
  const places = placesOf(federated, group, held);
  const byIp = new Map(group.endpoints.map((endpoint) => [endpoint.ip, endpoint]));
  return [...places].flatMap(([name, addresses]) => {
    const endpoints = addresses.flatMap((ip) => byIp.get(ip) ?? []);
    if (endpoints.length === 0) return [];
    return [
      {
        name,
        group: group.id,
        cluster: group.selection.cluster.name,
        addresses,
        ready: new Set(endpoints.flatMap(({ ip, ready }) => (ready ? [ip] : []))),
        object: sliceObject(federated, group, name, endpoints),
        isLostTooLong: group.selection.isLostTooLong,
        changedMs: group.selection.changedMs,
      },
    ];
  });
}

/** Where it is, it stays; what is new fills the fullest slice that has room. */
function placesOf(
  federated: FederatedService,
  { id, selection, endpoints }: Group,
  held: readonly HeldSlice[],
): ReadonlyMap<string, string[]> {
  const left = new Set(endpoints.map(({ ip }) => ip));
  const places = new Map<string, string[]>();
  for (const { name, addresses } of held.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const stay = addresses.filter((ip) => left.has(ip)).slice(0, MOST_ENDPOINTS);
    for (const ip of stay) left.delete(ip);
    places.set(name, stay);
  }
  const byRoom = [...places.values()].toSorted((a, b) => b.length - a.length);
  for (const ip of [...left].toSorted()) {
    let place = byRoom.find(({ length }) => length < MOST_ENDPOINTS);
    if (place === undefined) {
      place = [];
      byRoom.push(place);
      places.set(freeName(federated, selection, id, places), place);
    }
    place.push(ip);
  }
  for (const addresses of places.values()) addresses.sort();
  return places;
}

/** The same by whichever relay writes it, so that no two make the same slice twice. */
function freeName(
  { namespace, name, uid }: FederatedService,
  { cluster }: Selection,
  group: string,
  taken: ReadonlyMap<string, unknown>,
): string {
  for (let shard = 0; ; shard++) {
    const seed = JSON.stringify([namespace, name, uid, group, shard]);
    const hash = toHex(sha256(new TextEncoder().encode(seed))).slice(0, 10);
    const full = `${name.slice(0, 40)}-${cluster.name.slice(0, 40)}-${hash}`;
    if (!taken.has(full)) return full;
  }
}

function sliceObject(
  federated: FederatedService,
  { selection, family, ports }: Group,
  name: string,
  endpoints: readonly SelectedEndpoint[],
): JsonObject {
  const { namespace, uid } = federated;
  const { cluster, changedMs } = selection;
  const owner = { apiVersion: "v1", kind: "Service", name: federated.name, uid, controller: true };
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      name,
      namespace,
      labels: {
        [SERVICE_NAME]: federated.name,
        [MANAGED_BY]: OUR_MANAGER,
        [SOURCE_CLUSTER]: cluster.name,
        ...(federated.exportedName === ""
          ? {}
          : { [MULTICLUSTER_SERVICE]: federated.exportedName }),
        ...(federated.headless ? { [HEADLESS]: "" } : {}),
      },
      ...(changedMs === 0
        ? {}
        : { annotations: { [CHANGE_TIME]: new Date(changedMs).toISOString() } }),
      ...(uid === "" ? {} : { ownerReferences: [owner] }),
    },
    addressType: family,
    endpoints: endpoints.map((endpoint) => endpointObject(namespace, cluster.rcc, endpoint)),
    ports: ports.map((port) => portObject(port, federated.ports)),
  };
}

function endpointObject(
  namespace: string,
  rcc: string | null,
  endpoint: SelectedEndpoint,
): JsonObject {
  const { ip, ready, serving, terminating, hostname, zone, pod, node } = endpoint;
  const name = rcc === null ? pod : `${rcc}/${pod}`;
  return {
    addresses: [ip],
    conditions: { ready, serving, terminating },
    ...(hostname === "" ? {} : { hostname }),
    ...(node === "" || rcc !== null ? {} : { nodeName: node }),
    ...(pod === "" ? {} : { targetRef: { kind: "Pod", namespace, name } }),
    ...(zone === "" ? {} : { zone }),
  };
}

function portObject(port: ServicePort, ports: readonly FederatedPort[]): JsonObject {
  const own = ports.find(({ name, protocol }) => name === port.name && protocol === port.protocol);
  return {
    name: port.name,
    protocol: port.protocol.toUpperCase(),
    port: port.port,
    ...(own === undefined || own.appProtocol === "" ? {} : { appProtocol: own.appProtocol }),
  };
}
