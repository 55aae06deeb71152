/**
 * The demo's two clusters, each of two nodes with a pod, IPv4 and IPv6: as the files that its relay
 * reads, and as the key/values that its own Typha tells its Felix. Nodes of a cluster are in one
 * network, with a router between the clusters. Pod `b2` has an address of b1's block besides.
 *
 * Where a block moves, the second has a third node, which looks on from within, and a block whose
 * one address a pod on each of the first two nodes has.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { stringify } from "yaml";

export interface LabNode {
  readonly name: string;
  /** Outer addresses, tunnel addresses, blocks: IPv4, IPv6. */
  readonly outer: readonly [string, string];
  readonly tunnel: readonly [string, string];
  readonly blocks: readonly [string, string];
  /** Addresses of its one pod. */
  readonly pod: readonly string[];
}

export interface LabCluster {
  readonly name: string;
  readonly pools: readonly [string, string];
  /** Of the router to the other cluster. */
  readonly routers: readonly [string, string];
  readonly nodes: readonly [LabNode, LabNode, ...LabNode[]];
  /** A block that is one node's and then another's. */
  readonly moving: { readonly cidr: string; readonly node: string } | null;
  /** Ordinal in the first node's IPv4 block of an address that the second's pod has. */
  readonly borrowed: number | null;
}

function cluster(name: string, n: number, borrowed: number | null): LabCluster {
  const node = (at: 1 | 2): LabNode => labNode(name, n, at, at === 2 ? borrowed : null);
  return {
    name,
    pools: [`10.6${n}.0.0/16`, `fd00:6${n}::/64`],
    routers: [`10.${n}.0.254`, `fd00:${n}::fe`],
    nodes: [node(1), node(2)],
    moving: null,
    borrowed,
  };
}

function labNode(cluster: string, n: number, at: number, borrowed: number | null): LabNode {
  return {
    name: `${cluster}${at}`,
    outer: [`10.${n}.0.1${at}`, `fd00:${n}::1${at}`],
    tunnel: [`10.6${n}.${at}.0`, `fd00:6${n}::${at}:0`],
    blocks: [`10.6${n}.${at}.0/26`, `fd00:6${n}::${at}:0/122`],
    pod: [
      `10.6${n}.${at}.10`,
      `fd00:6${n}::${at}:a`,
      ...(borrowed === null ? [] : [`10.6${n}.1.${borrowed}`]),
    ],
  };
}

const A = cluster("a", 5, null);
const B = cluster("b", 6, 9);
export const CLUSTERS: readonly LabCluster[] = [A, B];

/** The address in the block that moves. */
export const MOVING = "10.66.30.10";
const both = ({ pod, ...node }: LabNode): LabNode => ({ ...node, pod: [...pod, MOVING] });
/** B with a node that looks on, and the block at its first node. */
export const B_WITH_A_BLOCK_THAT_MOVES: LabCluster = {
  ...B,
  nodes: [both(B.nodes[0]), both(B.nodes[1]), labNode("b", 6, 3, null)],
  moving: { cidr: "10.66.30.0/26", node: "b1" },
};

/** Lengths of the nodes' networks. */
export const SUBNETS = [24, 64] as const;

/** The files of a cluster, for its relay's `--manifests`. */
export function writeManifests(folder: string, cluster: LabCluster): void {
  const { name, pools, nodes, moving, borrowed } = cluster;
  const calico = { apiVersion: "projectcalico.org/v3" };
  const documents = [
    {
      ...calico,
      kind: "ClusterInformation",
      metadata: { name: "default" },
      spec: { clusterGUID: name.repeat(32), datastoreReady: true },
    },
    ...pools.map((cidr, i) => ({
      ...calico,
      kind: "IPPool",
      metadata: { name: `pods-${i}` },
      spec: { cidr, vxlanMode: "Always", ipipMode: "Never", natOutgoing: true },
    })),
    ...(moving === null
      ? []
      : [
          {
            ...calico,
            kind: "IPAMBlock",
            metadata: { name: "block-that-moves" },
            spec: { cidr: moving.cidr, affinity: `host:${moving.node}`, ...UNUSED },
          },
        ]),
    ...nodes.flatMap(({ name: node, outer, tunnel, blocks, pod }, n) => [
      {
        apiVersion: "v1",
        kind: "Node",
        metadata: {
          name: node,
          annotations: {
            "projectcalico.org/IPv4Address": `${outer[0]}/${SUBNETS[0]}`,
            "projectcalico.org/IPv6Address": `${outer[1]}/${SUBNETS[1]}`,
            "projectcalico.org/IPv4VXLANTunnelAddr": tunnel[0],
            "projectcalico.org/IPv6VXLANTunnelAddr": tunnel[1],
          },
        },
      },
      ...blocks.map((cidr, i) => ({
        ...calico,
        kind: "IPAMBlock",
        metadata: { name: `block-${node}-${i}` },
        spec: { cidr, affinity: `host:${node}`, ...use(n, i, nodes[1].name, borrowed) },
      })),
      {
        apiVersion: "v1",
        kind: "Pod",
        metadata: { name: `pod-${node}`, namespace: "shop", labels: { role: "demo" } },
        spec: { nodeName: node, containers: [] },
        status: { phase: "Running", podIPs: pod.slice(0, 2).map((ip) => ({ ip })) },
      },
    ]),
  ];
  mkdirSync(folder, { recursive: true });
  const text = documents.map((document) => stringify(document)).join("---\n");
  writeFileSync(join(folder, "cluster.yaml"), text);
}

/** What Typha tells of a cluster: key → text. */
export function typhaKvs(cluster: LabCluster): Record<string, string> {
  const { name, pools, nodes, moving, borrowed } = cluster;
  const kvs: Record<string, string> = {
    "/calico/v1/Ready": "true",
    "/calico/v1/config/ClusterGUID": name.repeat(32),
  };
  for (const cidr of pools)
    kvs[`/calico/v1/ipam/v${version(cidr)}/pool/${cidr.replace("/", "-")}`] = JSON.stringify({
      cidr,
      ipip: "",
      ipip_mode: "",
      vxlan_mode: "always",
      masquerade: true,
      ipam: true,
      disabled: false,
      disableBGPExport: false,
      assignment_mode: "Automatic",
    });
  for (const [n, { name: node, outer, tunnel, blocks }] of nodes.entries()) {
    kvs[`/calico/resources/v3/projectcalico.org/nodes/${node}`] = JSON.stringify({
      kind: "Node",
      apiVersion: "projectcalico.org/v3",
      metadata: { name: node },
      spec: {
        bgp: { ipv4Address: `${outer[0]}/${SUBNETS[0]}`, ipv6Address: `${outer[1]}/${SUBNETS[1]}` },
        ipv4VXLANTunnelAddr: tunnel[0],
        ipv6VXLANTunnelAddr: tunnel[1],
      },
      status: {},
    });
    kvs[`/calico/v1/host/${node}/config/IPv4VXLANTunnelAddr`] = tunnel[0];
    kvs[`/calico/v1/host/${node}/config/IPv6VXLANTunnelAddr`] = tunnel[1];
    for (const [i, cidr] of blocks.entries())
      kvs[blockKey(cidr)] = blockText(cidr, node, use(n, i, nodes[1].name, borrowed));
  }
  if (moving !== null) kvs[blockKey(moving.cidr)] = blockText(moving.cidr, moving.node, UNUSED);
  return kvs;
}

function blockKey(cidr: string): string {
  return `/calico/ipam/v2/assignment/ipv${version(cidr)}/block/${cidr.replace("/", "-")}`;
}

function blockText(cidr: string, node: string, allocated: object): string {
  return JSON.stringify({
    cidr,
    affinity: `host:${node}`,
    ...allocated,
    unallocated: [],
    sequenceNumber: 1,
    sequenceNumberForAllocation: {},
    deleted: false,
  });
}

const UNUSED = { allocations: [], attributes: [] };

/** Allocations of a block: none, or the borrowed address of the first node's. */
function use(node: number, family: number, user: string, borrowed: number | null): object {
  if (node !== 0 || family !== 0 || borrowed === null) return UNUSED;
  const allocations = Array.from({ length: borrowed + 1 }, (_, i) => (i === borrowed ? 0 : null));
  return { allocations, attributes: [{ secondary: { node: user, type: "pod" } }] };
}

function version(cidr: string): 4 | 6 {
  return cidr.includes(":") ? 6 : 4;
}
