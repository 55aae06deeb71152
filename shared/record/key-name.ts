/** People's name of a record: `shop/stray-0` instead of its escaped key path. [CLI41] */
import { unescapeSegment } from "./key.ts";
import type { Kind } from "./record.ts";

/** Of a key path, which names its kind by itself; what is none stays as it is. Total. */
export function nameOfKey(key: string): string {
  const [, ...segments] = key.split("/").map(unescapeSegment);
  const last = segments.at(-1) ?? "";
  const at = (from: string): boolean => key.startsWith(`/calico/${from}`);
  if (at("v1/host/") && segments[4] === "workload") {
    const name = segments[6] ?? "";
    // Of pods every endpoint has this name.
    return last === "eth0" ? name : `${name} (${last})`;
  }
  if (at("v1/host/") && segments[4] === "endpoint") return last;
  if (at("v1/ipam/") || at("ipam/v2/")) return last.replace(/-(\d+)$/, "/$1");
  if (at("v1/config")) return "settings";
  if (key.startsWith("/catwalk/v1/")) return serviceName(segments);
  return at("resources/v3/") ? last : key;
}

/** `shop/db`, and the address of an endpoint of it. */
function serviceName([, , , namespace = "", service = "", ip]: readonly string[]): string {
  return `${namespace}/${service}${ip === undefined ? "" : ` ${ip}`}`;
}

/** The kind of the record that a key path is of; `null` for what is none. */
export function kindOfKey(key: string): Kind | null {
  const [, calico, first, second, third, fourth] = key.split("/");
  if (calico === "catwalk") return serviceKinds.get(second ?? "") ?? null;
  if (calico !== "calico") return null;
  const at = `${first}/${second}`;
  if (at === "v1/host") return fourth === "workload" ? "WorkloadEndpoint" : "HostEndpoint";
  if (at === "v1/ipam") return "IPPool";
  if (at === "ipam/v2") return "IPAMBlock";
  if (at === "v1/config") return "ClusterConfig";
  if (at !== "resources/v3" || third !== "projectcalico.org") return null;
  return fourth === "nodes" ? "Node" : fourth === "profiles" ? "Profile" : null;
}

const serviceKinds: ReadonlyMap<string, Kind> = new Map([
  ["service", "Service"],
  ["endpoint", "ServiceEndpoint"],
  ["change", "ServiceChange"],
  ["export", "ServiceExport"],
]);

/** `role=postgres,app=db`, sorted by key. */
export function labelText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${value}`)
    .join(",");
}
