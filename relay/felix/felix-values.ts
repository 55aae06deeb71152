/**
 * Typed record → what Felix is given: keys under renamed nodes and profiles, JSON built field by
 * field. Nothing of an origin's own text gets through: a value that does not parse ends every Felix
 * of the cluster (calico v3.32.1 felix/calc/validation_filter.go). [TYP6] [TYP7]
 *
 * Names are `<rcc>_<original>`: Kubernetes names have no underscore, so they can meet no local one,
 * and Felix's name rules allow it. A Profile keeps its original name inside the value, where an
 * underscore would be refused.
 */
import type {
  CalicoRecord,
  EndpointPort,
  HostEndpoint,
  IPPool,
  Labels,
  Profile,
  WorkloadEndpoint,
} from "../../shared/record/record.ts";
import { keyOf } from "../../shared/record/key.ts";
import type { LabelMode } from "../../shared/visibility/facts.ts";
import type { PoolMode } from "./pool-mode.ts";
import { CLUSTER_LABEL, remoteLabels } from "./remote-labels.ts";

export interface FelixValue {
  /** Calico's key path as this cluster's Felix gets it. */
  readonly key: string;
  readonly value: unknown;
}

export function renamed(rcc: string, name: string): string {
  return `${rcc}_${name}`;
}

/**
 * The key/value for Felix, or `null` for kinds that are not delivered to Felix by identity
 * federation. A pool keeps its CIDR as its key: it must not overlap a local one
 * (`OwnAddresses.refusal`), nor stand under a key that is there locally (the splice).
 */
export function felixValue(
  rcc: string,
  record: CalicoRecord,
  mode: LabelMode = "original",
): FelixValue | null {
  switch (record.kind) {
    case "WorkloadEndpoint":
      return {
        key: keyOf({ ...record, node: renamed(rcc, record.node) }),
        value: workloadValue(rcc, record, mode),
      };
    case "HostEndpoint":
      return {
        key: keyOf({ ...record, node: renamed(rcc, record.node) }),
        value: hostValue(rcc, record, mode),
      };
    case "Profile":
      return {
        key: keyOf({ ...record, name: renamed(rcc, record.name) }),
        value: profileValue(rcc, record, mode),
      };
    case "IPPool":
      return natPool(record.cidr);
    case "Node":
    case "IPAMBlock":
    case "ClusterConfig":
    case "Service":
    case "ServiceEndpoint":
    case "ServiceChange":
    case "ServiceExport":
      return null;
  }
}

function workloadValue(rcc: string, record: WorkloadEndpoint, mode: LabelMode): unknown {
  const { v4, v6 } = families(record.ips);
  return {
    state: "active",
    // Felix drops an endpoint without an interface name; it never looks for the one of a remote
    // endpoint.
    name: "remote",
    active_instance_id: "",
    mac: null,
    profile_ids: record.profiles.map((profile) => renamed(rcc, profile)),
    ipv4_nets: v4.map((ip) => `${ip}/32`),
    ipv6_nets: v6.map((ip) => `${ip}/128`),
    labels: labelled(rcc, record.labels, mode),
    ports: record.ports.map(portValue),
  };
}

function hostValue(rcc: string, record: HostEndpoint, mode: LabelMode): unknown {
  const { v4, v6 } = families(record.ips);
  return {
    name: record.interfaceName,
    expected_ipv4_addrs: v4,
    expected_ipv6_addrs: v6,
    labels: labelled(rcc, record.labels, mode),
    profile_ids: record.profiles.map((profile) => renamed(rcc, profile)),
    ports: record.ports.map(portValue),
  };
}

function profileValue(rcc: string, record: Profile, mode: LabelMode): unknown {
  return {
    kind: "Profile",
    apiVersion: "projectcalico.org/v3",
    metadata: { name: record.name, creationTimestamp: null },
    spec: { labelsToApply: remoteLabels(rcc, mode, record.labels) },
  };
}

/**
 * A pool that does nothing but say that its addresses are pods': Felix source-NATs only what goes
 * outside of all pools. Its mode changes none of Felix's encapsulation flags (which would end
 * Felix, again and again), without masquerade its own pods' traffic is not touched. [TYP20] [TYP42]
 */
export function natPool(cidr: string, mode: PoolMode = "none"): FelixValue {
  return { key: keyOf({ ...NO_POOL, cidr }), value: natPoolValue(cidr, mode) };
}

const NO_POOL: IPPool = {
  kind: "IPPool",
  cidr: "",
  ipipMode: "",
  vxlanMode: "",
  natOutgoing: false,
  disabled: true,
  allowedUses: [],
};

function natPoolValue(cidr: string, mode: PoolMode): unknown {
  return {
    cidr,
    ipip: mode === "ipip" ? "tunl0" : "",
    ipip_mode: mode === "ipip" ? "always" : "",
    vxlan_mode: mode === "vxlan" ? "always" : "",
    masquerade: false,
    ipam: false,
    disabled: true,
    disableBGPExport: true,
    assignment_mode: "Automatic",
  };
}

function families(ips: readonly string[]): {
  readonly v4: readonly string[];
  readonly v6: readonly string[];
} {
  return { v4: ips.filter((ip) => !ip.includes(":")), v6: ips.filter((ip) => ip.includes(":")) };
}

function labelled(rcc: string, labels: Labels, mode: LabelMode): Labels {
  return { ...remoteLabels(rcc, mode, labels), [CLUSTER_LABEL]: rcc };
}

function portValue(port: EndpointPort): unknown {
  return { name: port.name, protocol: port.protocol, port: port.port };
}
