/**
 * Records → Calico's own key/values, not renamed: the published fields with Calico's names, and
 * empty where Calico's are empty (`null` nets, absent lists), so that a dump can be compared with
 * what Calico's felix syncer makes of the same objects, key by key. Source: calico v3.32.1
 * libcalico-go/lib/backend/model, and test/fixtures/golden/kubernetes.
 */
import { escapeSegment, keyOf } from "../../shared/record/key.ts";
import type {
  CalicoRecord,
  ClusterConfig,
  HostEndpoint,
  IPAMBlock,
  IPPool,
  Labels,
  Node,
  Profile,
  WorkloadEndpoint,
} from "../../shared/record/record.ts";

export interface KeyValue {
  readonly key: string;
  readonly value: unknown;
}

/**
 * One record gives one key, except that a Node also gives its host's configuration, and
 * ClusterConfig a key for each parameter.
 */
export function dumpValues(record: CalicoRecord): readonly KeyValue[] {
  const key = keyOf(record);
  switch (record.kind) {
    case "WorkloadEndpoint":
      return [{ key, value: workloadEndpoint(record) }];
    case "HostEndpoint":
      return [{ key, value: hostEndpoint(record) }];
    case "Profile":
      return [{ key, value: profile(record) }];
    case "IPPool":
      return [{ key, value: pool(record) }];
    case "IPAMBlock":
      return [{ key, value: block(record) }];
    case "Node":
      return [{ key, value: node(record) }, ...hostValues(record)];
    case "ClusterConfig":
      return configValues(record);
    case "Service":
    case "ServiceEndpoint":
    case "ServiceChange":
    case "ServiceExport":
      // No keys of Calico.
      return [];
  }
}

function isV4(ip: string): boolean {
  return !ip.includes(":");
}

function orNull<T>(list: readonly T[]): readonly T[] | null {
  return list.length === 0 ? null : list;
}

function workloadEndpoint(record: WorkloadEndpoint): unknown {
  return {
    ipv4_nets: orNull(record.ips.filter(isV4).map((ip) => `${ip}/32`)),
    ipv6_nets: orNull(record.ips.filter((ip) => !isV4(ip)).map((ip) => `${ip}/128`)),
    labels: sorted(record.labels),
    profile_ids: record.profiles,
    ...(record.ports.length > 0 && { ports: record.ports }),
  };
}

function hostEndpoint(record: HostEndpoint): unknown {
  const v4 = record.ips.filter(isV4);
  const v6 = record.ips.filter((ip) => !isV4(ip));
  return {
    ...(record.interfaceName !== "" && { name: record.interfaceName }),
    ...(v4.length > 0 && { expected_ipv4_addrs: v4 }),
    ...(v6.length > 0 && { expected_ipv6_addrs: v6 }),
    labels: Object.keys(record.labels).length === 0 ? null : sorted(record.labels),
    ...(record.profiles.length > 0 && { profile_ids: record.profiles }),
    ...(record.ports.length > 0 && { ports: record.ports }),
  };
}

function v3(kind: string, name: string, rest: object): unknown {
  return { apiVersion: "projectcalico.org/v3", kind, metadata: { name }, ...rest };
}

function profile(record: Profile): unknown {
  return v3("Profile", record.name, { spec: { labelsToApply: sorted(record.labels) } });
}

/** Leaves out what is empty, as Calico's JSON does. */
function present(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).filter(
      ([, value]) => value !== "" && !(typeof value === "object" && isEmpty(value)),
    ),
  );
}

function isEmpty(value: object | null): boolean {
  return value === null || Object.keys(value).length === 0;
}

function node(record: Node): unknown {
  return v3("Node", record.name, {
    spec: present({
      addresses: record.internalIPs.map((address) => ({ address, type: "InternalIP" })),
      bgp: present({
        ipv4Address: record.ipv4Address,
        ipv6Address: record.ipv6Address,
        ipv4IPIPTunnelAddr: record.ipv4IPIPTunnelAddr,
      }),
      ipv4VXLANTunnelAddr: record.ipv4VXLANTunnelAddr,
      ipv6VXLANTunnelAddr: record.ipv6VXLANTunnelAddr,
      vxlanTunnelMACAddr: record.vxlanTunnelMACAddr,
      vxlanTunnelMACAddrV6: record.vxlanTunnelMACAddrV6,
      wireguard: present({
        interfaceIPv4Address: record.ipv4WireguardAddr,
        interfaceIPv6Address: record.ipv6WireguardAddr,
      }),
    }),
    status: present({
      wireguardPublicKey: record.wireguardPublicKey,
      wireguardPublicKeyV6: record.wireguardPublicKeyV6,
    }),
  });
}

/**
 * The keys that Calico derives from a Node for Felix (felixnodeprocessor.go:Process; `bird_ip` up
 * to v3.32).
 */
function hostValues(record: Node): readonly KeyValue[] {
  const host = `/calico/v1/host/${escapeSegment(record.name)}`;
  const wireguard = present({
    interfaceIPv4Addr: record.ipv4WireguardAddr,
    interfaceIPv6Addr: record.ipv6WireguardAddr,
    publicKey: record.wireguardPublicKey,
    publicKeyV6: record.wireguardPublicKeyV6,
  });
  const values: Readonly<Record<string, unknown>> = {
    bird_ip: record.ipv4Address.split("/")[0] || (record.internalIPs.find(isV4) ?? ""),
    "config/IPv4VXLANTunnelAddr": record.ipv4VXLANTunnelAddr,
    "config/IPv6VXLANTunnelAddr": record.ipv6VXLANTunnelAddr,
    "config/IpInIpTunnelAddr": record.ipv4IPIPTunnelAddr,
    "config/VXLANTunnelMACAddr": record.vxlanTunnelMACAddr,
    "config/VXLANTunnelMACAddrV6": record.vxlanTunnelMACAddrV6,
    wireguard,
  };
  return Object.entries(present(values)).map(([name, value]) => ({
    key: `${host}/${name}`,
    value,
  }));
}

function pool(record: IPPool): unknown {
  return {
    cidr: record.cidr,
    ipip_mode: record.ipipMode,
    vxlan_mode: record.vxlanMode,
    masquerade: record.natOutgoing,
    disabled: record.disabled,
    ...(record.allowedUses.length > 0 && { allowed_uses: record.allowedUses }),
  };
}

/** Allocations hold only borrowed addresses, each with an attribute that names its node. */
function block(record: IPAMBlock): unknown {
  const allocations: (number | null)[] = Array.from(
    { length: (record.borrowed.at(-1)?.ordinal ?? -1) + 1 },
    () => null,
  );
  record.borrowed.forEach(({ ordinal }, i) => (allocations[ordinal] = i));
  return {
    cidr: record.cidr,
    affinity: record.node === "" ? null : `host:${record.node}`,
    allocations,
    attributes: record.borrowed.map(({ node: borrower }) => ({ secondary: { node: borrower } })),
  };
}

function configValues(record: ClusterConfig): readonly KeyValue[] {
  return Object.entries(record.params).map(([name, value]) => ({
    key: `${keyOf(record)}/${name}`,
    value,
  }));
}

function sorted(labels: Labels): Labels {
  return Object.fromEntries(Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
