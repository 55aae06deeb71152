/**
 * The collection that a record counts among, and its identity: an object's name, and the addresses
 * that rules know it by.
 */
import type { CalicoRecord } from "../../../shared/record/record.ts";

/** As people and metrics name them; append only: their places are on disk. */
export const COLLECTION_NAMES = [
  "pods",
  "hostendpoints",
  "namespaces",
  "serviceaccounts",
  "ippools",
  "nodes",
  "ipamblocks",
  "settings",
  /** Of a key that was published by an earlier process and is known by its hash only. */
  "unknown",
  "services",
  "serviceendpoints",
  "serviceexports",
] as const;

export type CollectionName = (typeof COLLECTION_NAMES)[number];

export function collectionOf(record: CalicoRecord): CollectionName {
  switch (record.kind) {
    case "WorkloadEndpoint":
      return "pods";
    case "HostEndpoint":
      return "hostendpoints";
    case "Profile":
      return record.name.startsWith("ksa.") ? "serviceaccounts" : "namespaces";
    case "IPPool":
      return "ippools";
    case "Node":
      return "nodes";
    case "IPAMBlock":
      return "ipamblocks";
    case "ClusterConfig":
      return "settings";
    case "Service":
      return "services";
    case "ServiceExport":
      return "serviceexports";
    case "ServiceEndpoint":
    case "ServiceChange":
      return "serviceendpoints";
  }
}

/** The part of a record that shows that another one has taken its place. */
export interface Identity {
  /**
   * The object's name, where its key holds more (the node): it may come back under another key.
   * Empty: the key is all of it.
   */
  readonly object: string;
  readonly ips: readonly string[];
}

export function identityOf(record: CalicoRecord): Identity {
  if (record.kind === "WorkloadEndpoint")
    return { object: `${record.namespace}/${record.name}/${record.endpoint}`, ips: record.ips };
  return record.kind === "HostEndpoint"
    ? { object: `host ${record.name}`, ips: record.ips }
    : { object: "", ips: [] };
}
