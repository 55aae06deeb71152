/** Records that say of a cluster who it is and which addresses are its own. */
import type { CalicoRecord } from "../../shared/record/record.ts";

/** Whether it claims ranges. */
export function isOfAddresses({ kind }: CalicoRecord): boolean {
  return kind === "IPPool" || kind === "Node";
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
