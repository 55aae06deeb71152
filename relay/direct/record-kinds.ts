/** Records that say of a cluster who it is and which addresses are its own. */
import type { CalicoRecord } from "../../shared/record/record.ts";

const OF_SERVICES = ["Service", "EndpointSlice", "ServiceExport"];

/**
 * Kinds that nothing needs of a remote that is read directly: settings are for routes, which only a
 * hub orders, blocks and Services are for a remote whose RCC asks for routes and Services. [DIR15]
 * [DIR18]
 */
export function unneededKinds(
  mode: "Enabled" | "Disabled",
  areServicesAsked: boolean,
): ReadonlySet<string> {
  return new Set([
    "FelixConfiguration",
    ...(mode === "Disabled" ? ["IPAMBlock"] : []),
    ...(areServicesAsked ? [] : OF_SERVICES),
  ]);
}

/** Whether it claims ranges. */
export function isOfAddresses({ kind }: CalicoRecord): boolean {
  return kind === "IPPool" || kind === "Node";
}

/** Whether a record is of objects of one of these kinds, in an API server or in etcd. */
export function isOfKinds(record: CalicoRecord, kinds: ReadonlySet<string>): boolean {
  return kinds.size > 0 && objectKinds(record).some((kind) => kinds.has(kind));
}

function objectKinds(record: CalicoRecord): readonly string[] {
  if (record.kind === "WorkloadEndpoint") return ["Pod", "WorkloadEndpoint"];
  if (record.kind === "ServiceEndpoint" || record.kind === "ServiceChange")
    return ["EndpointSlice"];
  if (record.kind === "ClusterConfig") return ["ClusterInformation"];
  if (record.kind !== "Profile") return [record.kind];
  return [record.name.startsWith("ksa.") ? "ServiceAccount" : "Namespace", "Profile"];
}

/** Calico's own identity of a cluster; empty where it has none, or for another record. */
export function clusterGuidIn(record: CalicoRecord): string {
  return record.kind === "ClusterConfig" ? (record.params["ClusterGUID"] ?? "") : "";
}

/** Of all of a cluster's records. */
export function clusterGuidOf(records: Iterable<CalicoRecord>): string {
  for (const record of records) {
    const guid = clusterGuidIn(record);
    if (guid !== "") return guid;
  }
  return "";
}

/** Addresses of nodes as prefixes. */
export function nodeCidrs(record: CalicoRecord): string[] {
  if (record.kind !== "Node") return [];
  return [record.ipv4Address, record.ipv6Address, ...record.internalIPs].flatMap((text) => {
    const ip = text.split("/")[0] ?? "";
    return ip === "" ? [] : [`${ip}/${ip.includes(":") ? 128 : 32}`];
  });
}
