/**
 * A remote's nodes and blocks as Felix takes them for VXLAN routes: a node with its tunnels, a
 * block with the nodes that use it. Each was needed by a real Felix 3.32.1, nothing else was.
 * The MAC is always told: without it Felix derives one from the renamed node, which the remote's
 * device does not have. [TYP43]
 */
import { parseCidr } from "../../shared/ip/cidr.ts";
import { addressAt, vtepId } from "../../shared/overlay/route-plan.ts";
import type { Vteps } from "../../shared/overlay/route-plan.ts";
import type { Vtep } from "../../shared/overlay/vtep.ts";
import { escapeSegment, keyOf } from "../../shared/record/key.ts";
import type { IPAMBlock, Node } from "../../shared/record/record.ts";
import { renamed } from "./felix-values.ts";
import type { FelixValue } from "./felix-values.ts";

/** A host's setting is text and not JSON. */
export interface FelixText extends FelixValue {
  readonly text: string;
}

/** @param vteps Those of the node that are delivered: one or both families. */
export function nodeValues(
  rcc: string,
  node: Node,
  vteps: readonly Vtep[],
): readonly (FelixValue | FelixText)[] {
  const of = (family: 4 | 6): Vtep | undefined => vteps.find((vtep) => vtep.family === family);
  const [v4, v6] = [of(4), of(6)];
  const value = {
    kind: "Node",
    apiVersion: "projectcalico.org/v3",
    // Felix's name rules refuse an underscore here; only the key is looked at.
    metadata: { name: node.name, creationTimestamp: null },
    spec: {
      bgp: {
        ...(v4 === undefined ? {} : { ipv4Address: hostPart(v4.outer) }),
        ...(v6 === undefined ? {} : { ipv6Address: hostPart(v6.outer) }),
      },
      ...(v4 === undefined ? {} : { ipv4VXLANTunnelAddr: v4.address }),
      ...(v6 === undefined ? {} : { ipv6VXLANTunnelAddr: v6.address }),
    },
    status: {},
  };
  const host = renamed(rcc, node.name);
  return [
    { key: keyOf({ ...node, name: host }), value },
    ...(v4 === undefined
      ? []
      : [
          hostConfig(host, "IPv4VXLANTunnelAddr", v4.address),
          hostConfig(host, "VXLANTunnelMACAddr", v4.mac),
        ]),
    ...(v6 === undefined
      ? []
      : [
          hostConfig(host, "IPv6VXLANTunnelAddr", v6.address),
          hostConfig(host, "VXLANTunnelMACAddrV6", v6.mac),
        ]),
  ];
}

/** Without the subnet: that of another site says nothing here. */
function hostPart(ip: string): string {
  return `${ip}/${ip.includes(":") ? 128 : 32}`;
}

function hostConfig(host: string, name: string, text: string): FelixText {
  return { key: `/calico/v1/host/${escapeSegment(host)}/config/${name}`, value: null, text };
}

/**
 * The block, with those of its nodes that have an endpoint; `null`: none has.
 * @param vteps Those that are delivered of the remote.
 */
export function blockValue(rcc: string, block: IPAMBlock, vteps: Vteps): FelixValue | null {
  const cidr = parseCidr(block.cidr);
  if (cidr === null) return null;
  const family = cidr.address.length === 4 ? 4 : 6;
  const hasVtep = (node: string): boolean => vteps.has(vtepId(family, node));
  const isOwned = block.node !== "" && hasVtep(block.node);
  const borrowed = block.borrowed.filter(
    ({ node, ordinal }) =>
      node !== block.node && hasVtep(node) && addressAt(cidr, ordinal) !== null,
  );
  if (!isOwned && borrowed.length === 0) return null;
  const users = [...new Set(borrowed.map(({ node }) => node))];
  const length = Math.max(0, ...borrowed.map(({ ordinal }) => ordinal + 1));
  const allocations: (number | null)[] = Array.from({ length }, () => null);
  for (const { ordinal, node } of borrowed) allocations[ordinal] = users.indexOf(node);
  return {
    key: keyOf(block),
    value: {
      cidr: block.cidr,
      ...(isOwned ? { affinity: `host:${renamed(rcc, block.node)}` } : {}),
      allocations,
      unallocated: [],
      attributes: users.map((node) => ({ secondary: { node: renamed(rcc, node) } })),
      sequenceNumber: 0,
      sequenceNumberForAllocation: {},
      deleted: false,
    },
  };
}
