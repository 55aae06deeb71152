/** An import as what fills slices: the Service that it is routed by, and its endpoints. [MCS7] */
import type { HeldSlice } from "../endpoint-slices.ts";
import type { FederatedService } from "../federated-service.ts";
import type { ServicePort } from "../../../shared/record/record.ts";
import { portsText, portText, selectionOf } from "../select-endpoints.ts";
import type { Selection, SourceCluster } from "../select-endpoints.ts";
import { derivedName } from "./derived-name.ts";
import type { Import } from "./imports.ts";
import { portsOfCluster } from "./merge-exports.ts";
import type { MergedService } from "./merge-exports.ts";

export function importedService(merged: MergedService, uid: string): FederatedService {
  const { namespace, name, ports, headless } = merged;
  return {
    namespace,
    name: derivedName(namespace, name),
    exportedName: name,
    uid,
    ports,
    selector: { op: "all" },
    headless,
    affinity: "none",
    lostAfterMs: null,
  };
}

/**
 * Of each cluster that exports it, for the ports of its Service that the import has.
 * @param staying Slices whose endpoints stay as they are in them, where their own cluster has them
 *   so still: whose ports count is not known yet.
 */
export function selectImported(
  service: FederatedService,
  { merged, exported }: Import,
  clusters: readonly SourceCluster[],
  staying: readonly HeldSlice[],
): readonly Selection[] {
  return exported.flatMap((one) => {
    const cluster = clusters.find(({ rcc }) => rcc === one.rcc);
    const backing = cluster?.table.backing(merged.namespace, merged.name);
    if (cluster === undefined || backing === null || backing === undefined) return [];
    const allowed = portsOfCluster(merged, one.service);
    const isAllowed = (port: ServicePort): boolean =>
      allowed.some(({ name, protocol }) => name === port.name && protocol === port.protocol);
    const own = staying.filter((slice) => slice.cluster === cluster.name);
    const found = selectionOf(service.ports, cluster, [backing], ({ ip, ports }) =>
      ports.filter((port) => isAllowed(port) || stays(own, ip, port)),
    );
    const untakenPorts = one.service.ports.filter((port) => !isAllowed(port)).map(portText);
    return [{ ...found, missing: { ...found.missing, untakenPorts } }];
  });
}

function stays(slices: readonly HeldSlice[], ip: string, port: ServicePort): boolean {
  return slices.some(
    ({ ports, addresses }) =>
      addresses.includes(ip) && ports.some((one) => portsText([one]) === portsText([port])),
  );
}
