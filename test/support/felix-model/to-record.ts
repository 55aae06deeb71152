/**
 * A recorded key/value under renamed names, read back into the record that its origin would have
 * published: the way of a value through the mesh begins there. The recordings' prefix is the
 * relay's: `blue_node-b1` is node `node-b1` of the remote `blue`.
 */
import { unescapeSegment } from "../../../shared/record/key.ts";
import type { CalicoRecord, EndpointPort, Labels } from "../../../shared/record/record.ts";
import { readNet } from "./addresses.ts";

export interface OriginRecord {
  readonly rcc: string;
  readonly record: CalicoRecord;
}

export interface RecordedKv {
  readonly key: string;
  /** As recorded: JSON where the text was JSON, else text; `null` deletes. */
  readonly value: unknown;
}

interface EndpointValue {
  readonly name?: string;
  readonly profile_ids?: readonly string[] | null;
  readonly ipv4_nets?: readonly string[] | null;
  readonly ipv6_nets?: readonly string[] | null;
  readonly expected_ipv4_addrs?: readonly string[] | null;
  readonly expected_ipv6_addrs?: readonly string[] | null;
  readonly labels?: Labels | null;
  readonly ports?: readonly EndpointPort[] | null;
}

const WORKLOAD = /^\/calico\/v1\/host\/([^/]+)\/workload\/([^/]+)\/([^/]+)\/endpoint\/([^/]+)$/;
const HOST = /^\/calico\/v1\/host\/([^/]+)\/endpoint\/([^/]+)$/;
const PROFILE = /^\/calico\/resources\/v3\/projectcalico\.org\/profiles\/([^/]+)$/;

/**
 * `blue_kns.shop` → `blue`, `kns.shop`; a name without a prefix is the local cluster's: an empty
 * RCC.
 */
export function splitName(name: string): readonly [rcc: string, name: string] {
  const at = name.indexOf("_");
  return at < 0 ? ["", name] : [name.slice(0, at), name.slice(at + 1)];
}

/**
 * An endpoint's or profile's key/value as a record; `null` for other kinds. A deletion needs its
 * key only.
 */
export function identityRecord({ key, value }: RecordedKv): OriginRecord | null {
  const workload = WORKLOAD.exec(key);
  if (workload !== null) {
    const [, host = "", orchestrator = "", id = "", endpoint = ""] = workload;
    const [rcc, node] = splitName(unescapeSegment(host));
    const [namespace, name] = splitId(unescapeSegment(id));
    const given = (value ?? {}) as EndpointValue;
    return {
      rcc,
      record: {
        kind: "WorkloadEndpoint",
        node,
        orchestrator: unescapeSegment(orchestrator),
        namespace,
        name,
        endpoint: unescapeSegment(endpoint),
        ips: [...(given.ipv4_nets ?? []), ...(given.ipv6_nets ?? [])].map(netAddress),
        ...common(given),
      },
    };
  }
  const host = HOST.exec(key);
  if (host !== null) {
    const [rcc, node] = splitName(unescapeSegment(host[1] ?? ""));
    const given = (value ?? {}) as EndpointValue;
    return {
      rcc,
      record: {
        kind: "HostEndpoint",
        node,
        name: unescapeSegment(host[2] ?? ""),
        interfaceName: given.name ?? "",
        ips: [...(given.expected_ipv4_addrs ?? []), ...(given.expected_ipv6_addrs ?? [])],
        ...common(given),
      },
    };
  }
  const profile = PROFILE.exec(key);
  if (profile === null) return null;
  const [rcc, name] = splitName(unescapeSegment(profile[1] ?? ""));
  const spec = (value as { readonly spec?: { readonly labelsToApply?: Labels } } | null)?.spec;
  return { rcc, record: { kind: "Profile", name, labels: spec?.labelsToApply ?? {} } };
}

function common(given: EndpointValue) {
  return {
    labels: given.labels ?? {},
    profiles: (given.profile_ids ?? []).map((profile) => splitName(profile)[1]),
    ports: given.ports ?? [],
  };
}

function splitId(id: string): readonly [namespace: string, name: string] {
  const at = id.indexOf("/");
  return at < 0 ? ["", id] : [id.slice(0, at), id.slice(at + 1)];
}

/** Felix takes the address of an endpoint's net, and forgets the mask. */
function netAddress(net: string): string {
  const parsed = readNet(net);
  if (parsed === null) throw new Error(`${net} is not a prefix`);
  return parsed.ip;
}
