/**
 * The typed records that travel between clusters, and nothing else does.
 *
 * A record holds the fields that a Felix of another cluster can use; everything else of the source
 * object (annotations, gateways, spoofing, QoS, allocation handles …) is dropped where the record
 * is made. Addresses and prefixes are canonical text (`shared/ip`), so equal objects are equal
 * records whichever source made them. [REC1]
 */
export type CalicoRecord =
  | WorkloadEndpoint
  | HostEndpoint
  | Profile
  | IPPool
  | Node
  | IPAMBlock
  | ClusterConfig
  | Service
  | ServiceEndpoint
  | ServiceChange
  | ServiceExport;

export type Kind = CalicoRecord["kind"];

/** A named port of an endpoint. `name` matches `[A-Za-z0-9_.-]{1,128}`, `port` is 1 to 65535. */
export interface EndpointPort {
  readonly name: string;
  readonly protocol: "tcp" | "udp" | "sctp";
  readonly port: number;
}

export type Labels = Readonly<Record<string, string>>;

/**
 * A pod's (or another workload's) endpoint. Key: (node, orchestrator, namespace, name, endpoint).
 */
export interface WorkloadEndpoint {
  readonly kind: "WorkloadEndpoint";
  readonly node: string;
  /** `k8s` for pods. */
  readonly orchestrator: string;
  /** Namespace of the pod; empty for orchestrators without namespaces. */
  readonly namespace: string;
  readonly name: string;
  /** `eth0` for pods. */
  readonly endpoint: string;
  /** Single addresses, IPv4 before IPv6, in the source's order within a family. */
  readonly ips: readonly string[];
  readonly labels: Labels;
  /** Names of the profiles whose labels the endpoint inherits, the first wins. */
  readonly profiles: readonly string[];
  readonly ports: readonly EndpointPort[];
}

/** Calico's HostEndpoint. Key: (node, name). */
export interface HostEndpoint {
  readonly kind: "HostEndpoint";
  readonly node: string;
  readonly name: string;
  /** Interface name, `*`, or empty. */
  readonly interfaceName: string;
  readonly ips: readonly string[];
  readonly labels: Labels;
  readonly profiles: readonly string[];
  readonly ports: readonly EndpointPort[];
}

/**
 * A namespace or service account as a parent of endpoints: only the labels they inherit. Key: name
 * (`kns.shop`).
 */
export interface Profile {
  readonly kind: "Profile";
  readonly name: string;
  /** Calico's `labelsToApply`, keys with `pcns.` / `pcsa.` already in front. */
  readonly labels: Labels;
}

/** Encapsulation mode in the v1 model's spelling; empty is "never". */
export type EncapMode = "" | "always" | "cross-subnet";

/** Key: cidr (canonical, masked). */
export interface IPPool {
  readonly kind: "IPPool";
  readonly cidr: string;
  readonly ipipMode: EncapMode;
  readonly vxlanMode: EncapMode;
  readonly natOutgoing: boolean;
  readonly disabled: boolean;
  /** Calico's `allowedUses`, sorted; empty when the pool does not set it. */
  readonly allowedUses: readonly string[];
}

/** Key: name. Absent addresses are empty strings. */
export interface Node {
  readonly kind: "Node";
  readonly name: string;
  /** BGP address with its subnet (`172.18.0.5/16`; the host part is kept), or empty. */
  readonly ipv4Address: string;
  readonly ipv6Address: string;
  /** Kubernetes InternalIP addresses, in order. */
  readonly internalIPs: readonly string[];
  readonly ipv4VXLANTunnelAddr: string;
  readonly ipv6VXLANTunnelAddr: string;
  /** Lower-case `66:f9:37:c3:7e:94`, or empty when Calico derives it from the node's name. */
  readonly vxlanTunnelMACAddr: string;
  readonly vxlanTunnelMACAddrV6: string;
  readonly ipv4IPIPTunnelAddr: string;
  readonly ipv4WireguardAddr: string;
  readonly ipv6WireguardAddr: string;
  readonly wireguardPublicKey: string;
  readonly wireguardPublicKeyV6: string;
}

/**
 * An IPAM block reduced to what routes need. Key: cidr. Blocks with `virtual:` affinity or being
 * deleted are not records.
 */
export interface IPAMBlock {
  readonly kind: "IPAMBlock";
  readonly cidr: string;
  /** Node that the block is affine to, or empty. */
  readonly node: string;
  /**
   * Addresses of the block that another node uses: ordinal within the block, ascending, and that
   * node.
   */
  readonly borrowed: readonly { readonly ordinal: number; readonly node: string }[];
}

/**
 * Cluster-wide settings that preflight compares: Felix parameter name → text. One record a cluster.
 */
export interface ClusterConfig {
  readonly kind: "ClusterConfig";
  /** Only names of `CLUSTER_CONFIG_PARAMS`; absent when the cluster does not set them. */
  readonly params: Labels;
}

/**
 * Felix parameters (and `ClusterGUID`) that are published, by the names they have under
 * `/calico/v1/config/`.
 */
export const CLUSTER_CONFIG_PARAMS = [
  "ClusterGUID",
  "ExternalNodesCIDRList",
  "LocalSubnetL2Reachability",
  "RouteSource",
  "VXLANEnabled",
  "VXLANMTU",
  "VXLANPort",
  "VXLANVNI",
  "WireguardEnabled",
  "WireguardListeningPort",
] as const;

/** A port of a Service, or of an endpoint behind one; `name` may be empty. */
export interface ServicePort {
  readonly name: string;
  readonly protocol: "tcp" | "udp" | "sctp";
  readonly port: number;
}

/** A Kubernetes Service, as other clusters select it. Key: (namespace, name). */
export interface Service {
  readonly kind: "Service";
  readonly namespace: string;
  readonly name: string;
  readonly labels: Labels;
  readonly ports: readonly ServicePort[];
  /** Port name to `appProtocol`, of ports that have one. */
  readonly appProtocols: Labels;
  /** `clusterIP: None`. */
  readonly headless: boolean;
  readonly publishNotReady: boolean;
  /** It is filled from other Services itself, and backs none. */
  readonly federated: boolean;
  /** `sessionAffinity: ClientIP`, and for how many seconds; 0: `None`. */
  readonly affinitySeconds: number;
  /** `internalTrafficPolicy: Local`. */
  readonly internalLocal: boolean;
  /** As written, or empty. */
  readonly trafficDistribution: string;
  /** IP versions in order: `6`, `46` or `64`; empty: IPv4 alone. */
  readonly families: string;
}

/** One address behind a Service. Key: (namespace, service, ip). */
export interface ServiceEndpoint {
  readonly kind: "ServiceEndpoint";
  readonly namespace: string;
  readonly service: string;
  readonly ip: string;
  /** Target ports, by the names of the Service's ports. */
  readonly ports: readonly ServicePort[];
  readonly notReady: boolean;
  readonly notServing: boolean;
  readonly terminating: boolean;
  /** Empty where there is none, as are `hostname` and `pod`. */
  readonly zone: string;
  readonly hostname: string;
  /** Name of the pod. */
  readonly pod: string;
}

/**
 * When the endpoints of a Service were last changed, as its slices say: apart, so that one changed
 * endpoint is one endpoint on the wire. Key: (namespace, service).
 */
export interface ServiceChange {
  readonly kind: "ServiceChange";
  readonly namespace: string;
  readonly service: string;
  /** Unix ms, on the clock of the source's cluster. */
  readonly atMs: number;
}

/**
 * The standard's ServiceExport: the Service of its name is offered to the clusters that see this
 * one. Key: (namespace, name).
 */
export interface ServiceExport {
  readonly kind: "ServiceExport";
  readonly namespace: string;
  readonly name: string;
  /** Unix ms of its creation, on the clock of its cluster: of several the oldest counts. */
  readonly createdMs: number;
  /** Labels and annotations that imports of it are to have. */
  readonly labels: Labels;
  readonly annotations: Labels;
}

/** A change of one object, as a source tells it: its newest record, or that it is gone. */
export type RecordChange =
  | { readonly op: "put"; readonly record: CalicoRecord }
  | {
      readonly op: "delete";
      /** Calico's key path, see `keyOf`. */
      readonly key: string;
      /**
       * `observed`: a delete event was seen. `inferred`: the key is missing from a complete list.
       */
      readonly cause: DeleteCause;
    };

export type RecordDeletion = Extract<RecordChange, { op: "delete" }>;

export type DeleteCause = "observed" | "inferred";
