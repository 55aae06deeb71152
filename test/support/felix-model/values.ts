/**
 * What Felix makes of a value: it takes it, treats it as missing (its validation fails, which acts as a deletion), or dies of it (a v1 value that
 * does not parse is a nil pointer in the next component). Source: contract of the felix stream, calico v3.32.1 libcalico-go/lib/backend/model,
 * typha/pkg/validator/v1, libcalico-go/lib/validator/v3, and 239 recorded odd values.
 */
import { isMac, readIp, readNet } from "./addresses.ts";
import type { Net } from "./addresses.ts";
import {
  bool,
  goDecode,
  GoError,
  int,
  list,
  map,
  numberOrText,
  parsed,
  pointer,
  struct,
  text,
  uint16,
  uint64,
} from "./go-json.ts";
import type { Shape, StructOf } from "./go-json.ts";
import { parseSelector } from "../../../shared/selector/parse.ts";

const NO_NET: Net = { address: "", length: 0, text: "", given: "", ip: "" };
const ip = parsed(readIp, "an IP address", "");
const net = parsed(readNet, "a CIDR", NO_NET);
const mac = parsed((given) => (isMac(given) ? given : null), "a MAC address", "");
const time = {
  read: (json: unknown) => {
    if (json === null) return "";
    if (typeof json === "string" && !Number.isNaN(Date.parse(json)) && json.includes("T"))
      return json;
    throw new GoError("must be a time");
  },
  zero: () => "",
} satisfies Shape<string>;
const labels = map(text);
const port = struct({ name: text, protocol: numberOrText, port: uint16 });
const nat = struct({ int_ip: ip, ext_ip: ip });

const workload = struct({
  state: text,
  name: text,
  active_instance_id: text,
  mac: pointer(mac),
  profile_ids: list(text),
  ipv4_nets: list(net),
  ipv6_nets: list(net),
  ipv4_nat: list(nat),
  ipv6_nat: list(nat),
  labels,
  ipv4_gateway: pointer(ip),
  ipv6_gateway: pointer(ip),
  ports: list(port),
  generate_name: text,
  allow_spoofed_source_ips: list(net),
  annotations: map(text),
  qosControls: pointer(struct({})),
});
const host = struct({
  name: text,
  expected_ipv4_addrs: list(ip),
  expected_ipv6_addrs: list(ip),
  labels,
  profile_ids: list(text),
  ports: list(port),
  qosControls: pointer(struct({})),
});
const networkSet = struct({ nets: list(net), labels, profile_ids: list(text) });
const pool = struct({
  cidr: net,
  ipip: text,
  ipip_mode: text,
  vxlan_mode: text,
  masquerade: bool,
  ipam: bool,
  disabled: bool,
  disableBGPExport: bool,
  assignment_mode: text,
  allowed_uses: list(text),
});
const attribute = struct({
  handle_id: pointer(text),
  secondary: map(text),
  alternateOwnerAttrs: map(text),
  releasedAt: pointer(time),
});
const block = struct({
  cidr: net,
  affinity: pointer(text),
  affinity_claim_time: pointer(time),
  allocations: list(pointer(int)),
  unallocated: list(int),
  attributes: list(attribute),
  sequenceNumber: uint64,
  sequenceNumberForAllocation: map(uint64),
  deleted: bool,
});
const wireguard = struct({
  interfaceIPv4Addr: pointer(ip),
  publicKey: text,
  interfaceIPv6Addr: pointer(ip),
  publicKeyV6: text,
});
const rule = struct({
  action: text,
  protocol: pointer(numberOrText),
  src_selector: text,
  dst_selector: text,
  "!src_selector": text,
  "!dst_selector": text,
  src_ports: list(numberOrText),
  dst_ports: list(numberOrText),
  "!src_ports": list(numberOrText),
  "!dst_ports": list(numberOrText),
});
const policy = struct({
  namespace: text,
  tier: text,
  selector: text,
  inbound_rules: list(rule),
  outbound_rules: list(rule),
  types: list(text),
});
const tier = struct({ defaultAction: text });
const profileRules = struct({ inbound_rules: list(rule), outbound_rules: list(rule) });

const metadata = struct({
  name: text,
  labels,
  annotations: map(text),
  creationTimestamp: pointer(time),
});
const asNumber = {
  read: (json: unknown) => {
    const given = numberOrText.read(json);
    const digits = "number" in given ? given.number : given.text;
    if (!/^\d+(\.\d+)?$/.test(digits)) throw new GoError("must be an AS number");
    return digits;
  },
  zero: () => "",
} satisfies Shape<string>;
const node = struct({
  metadata,
  spec: struct({
    bgp: pointer(
      struct({
        asNumber: pointer(asNumber),
        ipv4Address: text,
        ipv6Address: text,
        ipv4IPIPTunnelAddr: text,
        routeReflectorClusterID: text,
      }),
    ),
    ipv4VXLANTunnelAddr: text,
    vxlanTunnelMACAddr: text,
    ipv6VXLANTunnelAddr: text,
    vxlanTunnelMACAddrV6: text,
    wireguard: pointer(struct({ interfaceIPv4Address: text, interfaceIPv6Address: text })),
    addresses: list(struct({ address: text, type: text })),
  }),
  status: struct({ wireguardPublicKey: text, wireguardPublicKeyV6: text, podCIDRs: list(text) }),
});
const profile = struct({
  metadata,
  spec: struct({ labelsToApply: labels, ingress: list(struct({})), egress: list(struct({})) }),
});

const SHAPES = {
  WorkloadEndpoint: workload,
  HostEndpoint: host,
  NetworkSet: networkSet,
  IPPool: pool,
  Block: block,
  WireGuard: wireguard,
  Policy: policy,
  Tier: tier,
  ProfileRules: profileRules,
  ProfileLabels: labels,
  Node: node,
  Profile: profile,
} as const;

export type JsonKind = keyof typeof SHAPES;
export type FelixValues = {
  readonly [K in JsonKind]: (typeof SHAPES)[K] extends Shape<infer T> ? T : never;
};
export type PortValue = StructOf<{
  readonly name: typeof text;
  readonly protocol: typeof numberOrText;
  readonly port: typeof uint16;
}>;

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
  const panic = panicOf(kind, value);
  if (panic !== null) return { is: "panic", rule: panic };
  const rule = invalidOf(kind, value);
  return rule === null ? { is: "value", value } : { is: "missing", rule };
}

/** Values that parse and end Felix in what comes next. */
function panicOf(kind: JsonKind, value: unknown): string | null {
  if (kind === "IPPool" && (value as FelixValues["IPPool"]).cidr === NO_NET) return "no cidr";
  if (kind !== "Block") return null;
  const given = value as FelixValues["Block"];
  if (given.cidr === NO_NET && given.affinity !== null) return "no cidr";
  return given.allocations.some((index) => index !== null && index < 0n) ? "index below 0" : null;
}

const NAME = /^[a-zA-Z0-9_.-]{1,128}$/;
const INTERFACE = /^(\*|[a-zA-Z0-9_.-]{1,15})?$/;
const LABEL_KEY = /^[a-zA-Z0-9_./-]{1,512}$/;
const V1_LABEL_VALUE = /^[a-zA-Z0-9]?([a-zA-Z0-9_.-]{0,61}[a-zA-Z0-9])?$/;
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
      return invalidParent(given.labels, given.profile_ids) ?? invalidPorts(given.ports);
    }
    case "NetworkSet": {
      const given = value as FelixValues["NetworkSet"];
      return invalidParent(given.labels, given.profile_ids);
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

function invalidParent(
  own: ReadonlyMap<string, string>,
  profiles: readonly string[],
): string | null {
  for (const [key, value] of own)
    if (!LABEL_KEY.test(key) || !V1_LABEL_VALUE.test(value)) return `label ${key}`;
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
