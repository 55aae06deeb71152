/**
 * Which keys of Typha's `felix` stream are published, and what their paths name. Everything else in
 * the stream (policies, network sets, the keys that Calico derives from a Node for Felix, other
 * settings) stays in the cluster. Source: calico v3.32.1 libcalico-go/lib/backend/model/keys.go.
 */
import { unescapeSegment } from "../../../shared/record/key.ts";
import { CLUSTER_CONFIG_PARAMS } from "../../../shared/record/record.ts";

export type PublishedKey =
  | {
      readonly kind: "WorkloadEndpoint";
      readonly node: string;
      readonly orchestrator: string;
      readonly namespace: string;
      readonly name: string;
      readonly endpoint: string;
    }
  | { readonly kind: "HostEndpoint"; readonly node: string; readonly name: string }
  | { readonly kind: "Profile" | "Node"; readonly name: string }
  | { readonly kind: "IPPool" | "IPAMBlock" }
  | { readonly kind: "ClusterConfig"; readonly param: string };

const WORKLOAD = /^\/calico\/v1\/host\/([^/]+)\/workload\/([^/]+)\/([^/]+)\/endpoint\/([^/]+)$/;
const HOST_ENDPOINT = /^\/calico\/v1\/host\/([^/]+)\/endpoint\/([^/]+)$/;
const RESOURCE = /^\/calico\/resources\/v3\/projectcalico\.org\/(profiles|nodes)\/([^/]+)$/;
const POOL = /^\/calico\/v1\/ipam\/v[46]\/pool\/[^/]+$/;
const BLOCK = /^\/calico\/ipam\/v2\/assignment\/ipv[46]\/block\/[^/]+$/;
const CONFIG = /^\/calico\/v1\/config\/([A-Za-z0-9]+)$/;
/** Every cluster has it, and no label of it is inherited. */
const DEFAULT_ALLOW = "projectcalico-default-allow";

/** `null`: not published. */
export function publishedKey(path: string): PublishedKey | null {
  const workload = WORKLOAD.exec(path);
  if (workload !== null) {
    const [node, orchestrator, id, endpoint] = unescaped(workload);
    const slash = id.indexOf("/");
    const [namespace, name] = slash < 0 ? ["", id] : [id.slice(0, slash), id.slice(slash + 1)];
    return { kind: "WorkloadEndpoint", node, orchestrator, namespace, name, endpoint };
  }
  const host = HOST_ENDPOINT.exec(path);
  if (host !== null) {
    const [node, name] = unescaped(host);
    return { kind: "HostEndpoint", node, name };
  }
  const resource = RESOURCE.exec(path);
  if (resource !== null) {
    const [plural, name] = unescaped(resource);
    if (name === DEFAULT_ALLOW) return null;
    return { kind: plural === "nodes" ? "Node" : "Profile", name };
  }
  if (POOL.test(path)) return { kind: "IPPool" };
  if (BLOCK.test(path)) return { kind: "IPAMBlock" };
  const param = CONFIG.exec(path)?.[1];
  return param !== undefined && (CLUSTER_CONFIG_PARAMS as readonly string[]).includes(param)
    ? { kind: "ClusterConfig", param }
    : null;
}

function unescaped(match: RegExpExecArray): [string, string, string, string] {
  const [, a = "", b = "", c = "", d = ""] = match;
  return [a, b, c, d].map(unescapeSegment) as [string, string, string, string];
}
