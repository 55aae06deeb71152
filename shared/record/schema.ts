/**
 * The positional layout of each kind: field order is the wire order, so it is append-only within a
 * `VALUE_VERSION`. A record's bytes are `[valueVersion, kind number, field, field …]` with trailing
 * defaults cut off. [REC3]
 */
import { addressInSubnet, cidr, ipAddress, ips, optionalIp } from "./address-fields.ts";
import type { FieldCodec } from "./field-codec.ts";
import { borrowed, flag, labels, NODE_NAME, NODE_NAME_RULE, ports, text, texts } from "./fields.ts";
import { seconds, servicePorts, time } from "./service-fields.ts";
import type { CalicoRecord, EncapMode, Kind } from "./record.ts";

/** Raised when the meaning of bytes changes; a record of another version is refused by name. */
export const VALUE_VERSION = 1;

/** Position is the number on the wire: append only. */
export const KINDS = [
  "WorkloadEndpoint",
  "HostEndpoint",
  "Profile",
  "IPPool",
  "Node",
  "IPAMBlock",
  "ClusterConfig",
  "Service",
  "ServiceEndpoint",
  "ServiceChange",
  "ServiceExport",
] as const satisfies readonly Kind[];

type Fields<R> = readonly {
  [F in Exclude<keyof R, "kind">]: readonly [F, FieldCodec<R[F]>];
}[Exclude<keyof R, "kind">][];

type Schema = { readonly [K in Kind]: Fields<Extract<CalicoRecord, { kind: K }>> };

const node = text(NODE_NAME, NODE_NAME_RULE);
const objectName = text(
  /^[^\s/\p{Cc}]{1,253}$/u,
  "must be 1 to 253 characters without spaces or slashes",
);
const token = text(/^[a-z0-9_.-]{1,64}$/, "must match [a-z0-9_.-]{1,64}");
const DNS_LABEL_RULE = "must be a lower-case DNS-1123 label of at most 63 characters";
const dnsLabel = text(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, DNS_LABEL_RULE);
const mac = text(/^(([0-9a-f]{2}:){5}[0-9a-f]{2})?$/, "must be a lower-case MAC address or empty");
const publicKey = text(/^([A-Za-z0-9+/]{43}=)?$/, "must be base64 of 32 bytes or empty");
const encapModes = text(/^(always|cross-subnet)?$/, "must be empty, always or cross-subnet");
const encap: FieldCodec<EncapMode> = {
  encode: (value) => encapModes.encode(value),
  check: (value, wire) => encapModes.check(value, wire),
  decode: (wire) => encapModes.decode(wire) as EncapMode,
  fallback: "",
};
/**
 * Felix refuses a HostEndpoint whose profile ids are longer than 128 characters, the cluster's
 * prefix (33) included.
 */
const shortProfiles = texts(/^[A-Za-z0-9_.-]{1,95}$/, "must match [A-Za-z0-9_.-]{1,95}", 64);
const profileName = /^[A-Za-z0-9_.-]{1,330}$/;
const profiles = texts(profileName, "must match [A-Za-z0-9_.-]{1,330}", 64);

export const SCHEMA: Schema = {
  WorkloadEndpoint: [
    ["node", node],
    ["orchestrator", token],
    [
      "namespace",
      text(/^[^\s/\p{Cc}]{0,253}$/u, "must be at most 253 characters without spaces or slashes"),
    ],
    ["name", objectName],
    ["endpoint", objectName],
    ["ips", ips(64)],
    ["profiles", profiles],
    ["labels", labels(256)],
    ["ports", ports],
  ],
  HostEndpoint: [
    ["node", node],
    ["name", objectName],
    ["interfaceName", text(/^(\*|[^\s/\p{Cc}]{0,15})$/u, "must be an interface name, * or empty")],
    ["ips", ips(256)],
    ["profiles", shortProfiles],
    ["labels", labels(256)],
    ["ports", ports],
  ],
  Profile: [
    ["name", text(profileName, "must match [A-Za-z0-9_.-]{1,330}")],
    ["labels", labels(256)],
  ],
  IPPool: [
    ["cidr", cidr],
    ["ipipMode", encap],
    ["vxlanMode", encap],
    ["natOutgoing", flag],
    ["disabled", flag],
    ["allowedUses", texts(/^[A-Za-z]{1,32}$/, "must be a word", 8)],
  ],
  Node: [
    ["name", node],
    ["ipv4Address", addressInSubnet(4)],
    ["ipv6Address", addressInSubnet(6)],
    ["internalIPs", ips(16)],
    ["ipv4VXLANTunnelAddr", optionalIp(4)],
    ["ipv6VXLANTunnelAddr", optionalIp(6)],
    ["vxlanTunnelMACAddr", mac],
    ["vxlanTunnelMACAddrV6", mac],
    ["ipv4IPIPTunnelAddr", optionalIp(4)],
    ["ipv4WireguardAddr", optionalIp(4)],
    ["ipv6WireguardAddr", optionalIp(6)],
    ["wireguardPublicKey", publicKey],
    ["wireguardPublicKeyV6", publicKey],
  ],
  IPAMBlock: [
    ["cidr", cidr],
    ["node", text(/^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?)?$/, NODE_NAME_RULE)],
    ["borrowed", borrowed],
  ],
  ClusterConfig: [["params", labels(64)]],
  Service: [
    ["namespace", dnsLabel],
    ["name", dnsLabel],
    ["labels", labels(256)],
    ["ports", servicePorts],
    ["appProtocols", labels(100)],
    ["headless", flag],
    ["publishNotReady", flag],
    ["federated", flag],
    ["affinitySeconds", seconds],
    ["internalLocal", flag],
    ["trafficDistribution", text(/^[A-Za-z0-9_./-]{0,128}$/, "must match [A-Za-z0-9_./-]{0,128}")],
    ["families", text(/^(6|46|64)?$/, "must be empty, 6, 46 or 64")],
  ],
  ServiceEndpoint: [
    ["namespace", dnsLabel],
    ["service", dnsLabel],
    ["ports", servicePorts],
    ["zone", text(/^[A-Za-z0-9_.-]{0,63}$/, "must match [A-Za-z0-9_.-]{0,63}")],
    ["pod", text(/^[a-z0-9.-]{0,253}$/, "must be the name of a pod, or empty")],
    ["ip", ipAddress],
    ["notReady", flag],
    ["notServing", flag],
    ["terminating", flag],
    ["hostname", text(/^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)?$/, DNS_LABEL_RULE)],
  ],
  ServiceChange: [
    ["namespace", dnsLabel],
    ["service", dnsLabel],
    ["atMs", time],
  ],
  ServiceExport: [
    ["namespace", dnsLabel],
    ["name", dnsLabel],
    ["createdMs", time],
    ["labels", labels(256)],
    ["annotations", labels(256)],
  ],
};
