/**
 * The types that Felix reads values into, of every kind: fields and JSON names. Source: calico
 * v3.32.1 libcalico-go/lib/backend/model and lib/apis.
 */
import { isMac, readIp, readNet } from "./addresses.ts";
import type { Net } from "./addresses.ts";
import {
  bool,
  GoError,
  int,
  list,
  map,
  number,
  numberOrText,
  parsed,
  pointer,
  struct,
  text,
  uint16,
  uint8,
  uint64,
} from "./go-json.ts";
import type { Shape, StructOf } from "./go-json.ts";
import type { Json } from "./json-text.ts";

/** A prefix that is missing. */
export const NO_NET: Net = { address: "", length: 0, text: "", given: "", ip: "" };
/**
 * An empty text, or null, is no address and no error: what comes after the parser may die of it.
 */
const ip = parsed((given) => (given === "" ? "" : readIp(given)), "an IP address", "");
const cidr = parsed((given) => (given === "" ? NO_NET : readNet(given)), "a CIDR", NO_NET);
const net: Shape<Net> = { ...cidr, read: (json) => (json === null ? NO_NET : cidr.read(json)) };
const mac = parsed((given) => (isMac(given) ? given : null), "a MAC address", "");
const time = {
  read: (json: Json) => {
    if (json === null) return "";
    if (typeof json === "string" && !Number.isNaN(Date.parse(json)) && json.includes("T"))
      return json;
    throw new GoError("must be a time");
  },
  zero: () => "",
} satisfies Shape<string>;
const labels = map(text);
const qos = struct({
  IngressBandwidth: int,
  EgressBandwidth: int,
  IngressBurst: int,
  EgressBurst: int,
  IngressPeakrate: int,
  EgressPeakrate: int,
  IngressMinburst: int,
  EgressMinburst: int,
  IngressPacketRate: int,
  EgressPacketRate: int,
  IngressPacketBurst: int,
  EgressPacketBurst: int,
  IngressMaxConnections: int,
  EgressMaxConnections: int,
  DSCP: pointer(numberOrText),
});
const protocol = {
  read: (json: Json) =>
    typeof json === "string" ? { text: json } : { number: String(uint8.read(json)) },
  zero: numberOrText.zero,
} satisfies typeof numberOrText;
const port = struct({ name: text, protocol, port: uint16 });
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
  qosControls: pointer(qos),
});
const host = struct({
  name: text,
  expected_ipv4_addrs: list(ip),
  expected_ipv6_addrs: list(ip),
  labels,
  profile_ids: list(text),
  ports: list(port),
  qosControls: pointer(qos),
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
const tier = struct({ order: pointer(number), defaultAction: text });
const profileRules = struct({ inbound_rules: list(rule), outbound_rules: list(rule) });

const metadata = struct({
  name: text,
  uid: text,
  resourceVersion: text,
  generation: int,
  labels,
  annotations: map(text),
  creationTimestamp: pointer(time),
});
const asNumber = {
  read: (json: Json) => {
    const given = numberOrText.read(json);
    const digits = "number" in given ? given.number : given.text;
    if (!/^\d+(\.\d+)?$/.test(digits)) throw new GoError("must be an AS number");
    return digits;
  },
  zero: () => "",
} satisfies Shape<string>;
const node = struct({
  kind: text,
  apiVersion: text,
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
    interfaces: list(struct({ name: text, addresses: list(text) })),
    orchRefs: list(struct({ nodeName: text, orchestrator: text })),
  }),
  status: struct({ wireguardPublicKey: text, wireguardPublicKeyV6: text, podCIDRs: list(text) }),
});
const profile = struct({
  kind: text,
  apiVersion: text,
  metadata,
  spec: struct({
    labelsToApply: labels,
    ingress: list(struct({ action: text })),
    egress: list(struct({ action: text })),
  }),
});

export const SHAPES = {
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
