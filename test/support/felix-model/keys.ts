/**
 * Which object a path names, as Calico reads its "default paths"; `null` where it names none.
 * Source: calico v3.32.1 libcalico-go/lib/backend/model/keys.go, and recorded odd keys.
 */
import { readNet } from "./addresses.ts";
import type { Net } from "./addresses.ts";

export type FelixKey =
  | { readonly kind: "WorkloadEndpoint"; readonly host: string; readonly id: string }
  | { readonly kind: "HostEndpoint"; readonly host: string; readonly id: string }
  | { readonly kind: "HostConfig"; readonly host: string; readonly name: string }
  | { readonly kind: "HostIP"; readonly host: string }
  | { readonly kind: "WireGuard"; readonly host: string }
  | { readonly kind: "Node"; readonly name: string }
  | { readonly kind: "Profile"; readonly name: string }
  | { readonly kind: "IPPool"; readonly net: Net }
  | { readonly kind: "Block"; readonly net: Net }
  | { readonly kind: "NetworkSet"; readonly name: string }
  | { readonly kind: "GlobalConfig"; readonly name: string }
  | { readonly kind: "Tier"; readonly name: string }
  | { readonly kind: "ProfileRules"; readonly name: string }
  | { readonly kind: "ProfileLabels"; readonly name: string }
  | { readonly kind: "Policy"; readonly name: string }
  | { readonly kind: "Ready" }
  /** A kind that the graph takes and that says nothing here. */
  | { readonly kind: "Other" };

const V3_KINDS = new Set([
  "bgpconfigurations",
  "bgppeers",
  "kubernetesservice",
  "kubernetesendpointslices",
  "livemigrations",
  "felixconfigurations",
  "clusterinformations",
]);

export function readKey(path: string): FelixKey | null {
  const parts = path.replace(/^\//, "").split("/");
  if (parts[0] !== "calico") return null;
  if (parts[1] === "v1") return v1Key(path, parts.slice(2));
  if (parts[1] === "ipam") {
    const match = /^\/?calico\/ipam\/v2\/assignment\/ipv.\/block\/([^/]+)$/.exec(path);
    const net = match === null ? null : readCidrSegment(match[1] ?? "");
    return net === null ? null : { kind: "Block", net };
  }
  if (parts[1] !== "resources" || parts[2] !== "v3" || parts[3] !== "projectcalico.org")
    return null;
  // v3 paths need the leading slash.
  if (!path.startsWith("/") || parts.length < 6 || parts.length > 7) return null;
  const plural = parts[4] ?? "";
  const name = unescape(parts[5] ?? "");
  if (plural === "nodes" && parts.length === 6) return { kind: "Node", name };
  if (plural === "profiles" && parts.length === 6) return { kind: "Profile", name };
  return V3_KINDS.has(plural) ? { kind: "Other" } : null;
}

function v1Key(path: string, parts: readonly string[]): FelixKey | null {
  const [first = "", ...rest] = parts;
  switch (first) {
    case "Ready":
      return rest.length === 0 && path.startsWith("/") ? { kind: "Ready" } : null;
    case "config":
      return { kind: "GlobalConfig", name: rest.join("/") };
    case "ipam": {
      const match = /^\/?calico\/v1\/ipam\/v.\/pool\/([^/]+)$/.exec(path);
      const net = match === null ? null : readCidrSegment(match[1] ?? "");
      return net === null ? null : { kind: "IPPool", net };
    }
    case "netset":
      return rest.length === 1 ? { kind: "NetworkSet", name: unescape(rest[0] ?? "") } : null;
    case "host":
      return hostKey(rest);
    case "policy":
      return policyKey(rest);
    default:
      return null;
  }
}

function hostKey(parts: readonly string[]): FelixKey | null {
  const [host = "", kind = "", ...rest] = parts;
  if (kind === "workload")
    return rest.length === 4 && rest[2] === "endpoint"
      ? {
          kind: "WorkloadEndpoint",
          host: unescape(host),
          id: [rest[0], rest[1], rest[3]].map((part) => unescape(part ?? "")).join("/"),
        }
      : null;
  if (kind === "endpoint")
    return rest.length === 1
      ? { kind: "HostEndpoint", host: unescape(host), id: unescape(rest[0] ?? "") }
      : null;
  if (kind === "config") return { kind: "HostConfig", host: unescape(host), name: rest.join("/") };
  if (kind === "bird_ip" && rest.length === 0) return { kind: "HostIP", host: unescape(host) };
  if (kind === "wireguard" && rest.length === 0) return { kind: "WireGuard", host: unescape(host) };
  return null;
}

function policyKey(parts: readonly string[]): FelixKey | null {
  const name = unescape(parts[1] ?? "");
  if (parts[0] === "tier")
    return parts[2] === "metadata" && parts.length === 3 ? { kind: "Tier", name } : null;
  if (parts[0] === "profile" && parts[2] === "rules") return { kind: "ProfileRules", name };
  if (parts[0] === "profile" && parts[2] === "labels") return { kind: "ProfileLabels", name };
  return parts.length === 3 ? { kind: "Policy", name: parts.map(unescape).join("/") } : null;
}

/** A CIDR with `-` for `/`; masked. A bare address is none here. */
function readCidrSegment(segment: string): Net | null {
  return segment.includes("-") ? readNet(segment.replace(/-(\d+)$/, "/$1")) : null;
}

/** Only `%2f` and `%25` are escapes; anything else stays as it is. */
function unescape(part: string): string {
  return part.replace(/%2f/gi, "/").replaceAll("%25", "%");
}
