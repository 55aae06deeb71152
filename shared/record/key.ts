/**
 * Key paths: Calico's own "default paths" with the origin's own (not renamed) names. Source: calico
 * v3.32.1 libcalico-go/lib/backend/model/keys.go. Segments escape `%` and `/`; nothing is
 * normalised, so `//` stays.
 */
import type { CalicoRecord } from "./record.ts";

export function escapeSegment(segment: string): string {
  // Most have neither, and to look is cheaper.
  const escaped = segment.includes("%") ? segment.replaceAll("%", "%25") : segment;
  return escaped.includes("/") ? escaped.replaceAll("/", "%2f") : escaped;
}

export function unescapeSegment(segment: string): string {
  return segment.replace(/%2f/gi, "/").replaceAll("%25", "%");
}

function cidrSegment(cidr: string): string {
  return cidr.replace("/", "-");
}

function ipVersion(cidr: string): "4" | "6" {
  return cidr.includes(":") ? "6" : "4";
}

/** `namespace/name`, or the bare name where there is no namespace: Calico's workload id. */
export function workloadId(record: { readonly namespace: string; readonly name: string }): string {
  return record.namespace === "" ? record.name : `${record.namespace}/${record.name}`;
}

/** The key path of a record. Total and injective over valid records. [REC2] */
export function keyOf(record: CalicoRecord): string {
  // Joined, not added up: V8 keeps a sum of texts as a tree, several times as large.
  return `/${keySegments(record).map(escapeSegment).join("/")}`;
}

/** The segments of a key path, not escaped. */
export function keySegments(record: CalicoRecord): readonly string[] {
  switch (record.kind) {
    case "WorkloadEndpoint": {
      const { node, orchestrator, endpoint } = record;
      const id = workloadId(record);
      return ["calico", "v1", "host", node, "workload", orchestrator, id, "endpoint", endpoint];
    }
    case "HostEndpoint":
      return ["calico", "v1", "host", record.node, "endpoint", record.name];
    case "Profile":
      return ["calico", "resources", "v3", "projectcalico.org", "profiles", record.name];
    case "IPPool": {
      const { cidr } = record;
      return ["calico", "v1", "ipam", `v${ipVersion(cidr)}`, "pool", cidrSegment(cidr)];
    }
    case "Node":
      return ["calico", "resources", "v3", "projectcalico.org", "nodes", record.name];
    case "IPAMBlock": {
      const { cidr } = record;
      const family = `ipv${ipVersion(cidr)}`;
      return ["calico", "ipam", "v2", "assignment", family, "block", cidrSegment(cidr)];
    }
    case "Service":
      return ["catwalk", "v1", "service", record.namespace, record.name];
    case "ServiceEndpoint":
      return ["catwalk", "v1", "endpoint", record.namespace, record.service, record.ip];
    case "ServiceExport":
      return ["catwalk", "v1", "export", record.namespace, record.name];
    case "ServiceChange":
      return ["catwalk", "v1", "change", record.namespace, record.service];
    case "ClusterConfig":
      return ["calico", "v1", "config"];
  }
}
