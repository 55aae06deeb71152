/**
 * What Felix makes of a value: it takes it, treats it as missing (its validation fails, which acts
 * as a deletion), or dies of it (a v1 value that does not parse is a nil pointer in the next
 * component). Source: contract of the felix stream, calico v3.32.1 libcalico-go/lib/backend/model,
 * typha/pkg/validator/v1, libcalico-go/lib/validator/v3, 239 recorded odd values, and 60,000 more
 * given to the graph of 3.32.1. The rules of policies and profiles are read only as far as
 * selectors go: a remote has none.
 */
import { isMac, readIp, readNet } from "./addresses.ts";
import { goDecode, GoError } from "./go-json.ts";
import type { Shape } from "./go-json.ts";
import { NO_NET, SHAPES } from "./shapes.ts";
import type { FelixValues, JsonKind, PortValue } from "./shapes.ts";
import { parseSelector } from "../../../shared/selector/parse.ts";

export type ReadValue<T> =
  | { readonly is: "value"; readonly value: T }
  | { readonly is: "missing"; readonly rule: string }
  | { readonly is: "panic"; readonly rule: string };

export function isJsonKind(kind: string): kind is JsonKind {
  return Object.hasOwn(SHAPES, kind);
}

export function readValue<K extends JsonKind>(kind: K, json: string): ReadValue<FelixValues[K]> {
  let value: FelixValues[K];
  try {
    value = goDecode(json, SHAPES[kind] as unknown as Shape<FelixValues[K]>);
  } catch (error) {
    if (!(error instanceof GoError)) throw error;
    // A v3 object that does not parse is only missing.
    const is = kind === "Node" || kind === "Profile" ? "missing" : "panic";
    return { is, rule: error.message };
  }
  const rule = invalidOf(kind, value);
  if (rule !== null) return { is: "missing", rule };
  const panic = panicOf(kind, value);
  return panic === null ? { is: "value", value } : { is: "panic", rule: panic };
}

/** Values that parse and end Felix in what comes next. */
function panicOf(kind: JsonKind, value: unknown): string | null {
  if (kind === "WorkloadEndpoint") {
    const given = value as FelixValues["WorkloadEndpoint"];
    return [...given.ipv4_nets, ...given.ipv6_nets].includes(NO_NET) ? "a net is null" : null;
  }
  if (kind === "NetworkSet")
    return (value as FelixValues["NetworkSet"]).nets.includes(NO_NET) ? "a net is null" : null;
  if (kind === "HostEndpoint") {
    const given = value as FelixValues["HostEndpoint"];
    const ips = [...given.expected_ipv4_addrs, ...given.expected_ipv6_addrs];
    return ips.includes("") ? "an expected address is empty" : null;
  }
  if (kind === "IPPool" && (value as FelixValues["IPPool"]).cidr === NO_NET) return "no cidr";
  if (kind !== "Block") return null;
  const given = value as FelixValues["Block"];
  if (given.cidr === NO_NET && given.affinity?.startsWith("host:") === true) return "no cidr";
  return given.allocations.some((index) => index !== null && index < 0n) ? "index below 0" : null;
}

const NAME = /^[a-zA-Z0-9_.-]{1,128}$/;
const INTERFACE = /^(\*|[a-zA-Z0-9_.-]{1,15})?$/;
const OBJECT_NAME = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const QUALIFIED =
  /^(([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*)\/)?([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]$/;
const K8S_VALUE = /^(([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9])?$/;

/** The first validation that fails; the object is then missing. */
function invalidOf(kind: JsonKind, value: unknown): string | null {
  switch (kind) {
    case "WorkloadEndpoint": {
      const given = value as FelixValues["WorkloadEndpoint"];
      if (given.name === "") return "name is empty";
      if (given.allow_spoofed_source_ips.length > 0) return "spoofing is not allowed";
      return invalidPorts(given.ports);
    }
    case "HostEndpoint": {
      const given = value as FelixValues["HostEndpoint"];
      if (!INTERFACE.test(given.name)) return "name is no interface";
      return invalidParents(given.profile_ids) ?? invalidPorts(given.ports);
    }
    case "NetworkSet": {
      const given = value as FelixValues["NetworkSet"];
      return invalidParents(given.profile_ids);
    }
    case "Policy": {
      const given = value as FelixValues["Policy"];
      const selectors = [...given.inbound_rules, ...given.outbound_rules].flatMap((one) => [
        one.src_selector,
        one.dst_selector,
        one["!src_selector"],
        one["!dst_selector"],
      ]);
      return [given.selector, ...selectors].every((selector) => parseSelector(selector).ok)
        ? null
        : "a selector is none";
    }
    case "Node":
      return invalidNode(value as FelixValues["Node"]);
    case "Profile": {
      const given = value as FelixValues["Profile"];
      const rules = [...given.spec.ingress, ...given.spec.egress];
      if (rules.some(({ action }) => !["Allow", "Deny", "Log", "Pass"].includes(action)))
        return "a rule's action";
      return invalidMetadata(given.metadata) ?? invalidK8sLabels(given.spec.labelsToApply);
    }
    case "IPPool":
    case "Block":
    case "WireGuard":
    case "Tier":
    case "ProfileRules":
    case "ProfileLabels":
      return null;
  }
}

function invalidPorts(ports: readonly PortValue[]): string | null {
  for (const { name, protocol, port: number } of ports) {
    if (!NAME.test(name)) return `port name ${name}`;
    if (!("text" in protocol) || !["tcp", "udp", "sctp"].includes(protocol.text))
      return "port protocol";
    if (number === 0n) return "port 0";
  }
  return null;
}

/**
 * The labels of these are not validated: the rule stands at a type that the validator does not look
 * into.
 */
function invalidParents(profiles: readonly string[]): string | null {
  const bad = profiles.find((name) => !NAME.test(name));
  return bad === undefined ? null : `profile id ${bad}`;
}

function invalidMetadata(given: FelixValues["Node"]["metadata"]): string | null {
  if (given.name.length > 253 || !OBJECT_NAME.test(given.name)) return "metadata.name";
  for (const key of given.annotations.keys())
    if (!isQualified(key.toLowerCase())) return `annotation ${key}`;
  return invalidK8sLabels(given.labels);
}

function invalidK8sLabels(own: ReadonlyMap<string, string>): string | null {
  for (const [key, value] of own)
    if (!isQualified(key) || !K8S_VALUE.test(value)) return `label ${key}`;
  return null;
}

function isQualified(key: string): boolean {
  return QUALIFIED.test(key) && (!key.includes("/") || key.indexOf("/") <= 253);
}

function invalidNode({ metadata: meta, spec, status }: FelixValues["Node"]): string | null {
  const is4 = (given: string) => given === "" || readIp(given)?.includes(":") === false;
  const is6 = (given: string) => given === "" || readIp(given)?.includes(":") === true;
  const net4 = (given: string) => given === "" || readNet(given)?.address.includes(":") === false;
  const net6 = (given: string) => given === "" || readNet(given)?.address.includes(":") === true;
  const key = (given: string) => given === "" || /^[A-Za-z0-9+/]{43}=$/.test(given);
  const { bgp, wireguard: wg } = spec;
  if (bgp !== null) {
    const texts = [
      bgp.ipv4Address,
      bgp.ipv6Address,
      bgp.ipv4IPIPTunnelAddr,
      bgp.routeReflectorClusterID,
    ];
    if (bgp.asNumber === null && texts.every((given) => given === "")) return "spec.bgp is empty";
    if (!net4(bgp.ipv4Address)) return "bgp.ipv4Address";
    if (!net6(bgp.ipv6Address)) return "bgp.ipv6Address";
    if (!is4(bgp.ipv4IPIPTunnelAddr)) return "bgp.ipv4IPIPTunnelAddr";
    if (!is4(bgp.routeReflectorClusterID)) return "bgp.routeReflectorClusterID";
  }
  if (!is4(spec.ipv4VXLANTunnelAddr)) return "ipv4VXLANTunnelAddr";
  if (!is6(spec.ipv6VXLANTunnelAddr)) return "ipv6VXLANTunnelAddr";
  for (const given of [spec.vxlanTunnelMACAddr, spec.vxlanTunnelMACAddrV6])
    if (given !== "" && !isMac(given)) return "a tunnel's MAC";
  if (wg !== null && !(is4(wg.interfaceIPv4Address) && is6(wg.interfaceIPv6Address)))
    return "wireguard address";
  if (!key(status.wireguardPublicKey) || !key(status.wireguardPublicKeyV6)) return "wireguard key";
  return invalidMetadata(meta);
}
