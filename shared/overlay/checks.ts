/**
 * What routes between two clusters need, one check a requirement: both clusters' values, and what
 * is found, in words that say what to do. [OVL2]
 */
import { parseIp } from "../ip/address.ts";
import { RangeSet } from "../ip/range-set.ts";
import type { Clashes } from "./clash-index.ts";
import type { OverlayParam, OverlaySummary, SummaryNode } from "./summary.ts";

export const REQUIREMENTS = [
  "Reported",
  "NodeCount",
  "NodesUsable",
  "NodesReached",
  "VxlanPools",
  "VxlanEnabled",
  "TunnelMacs",
  "Ranges",
  "RouteSource",
  "VxlanPort",
  "VxlanVni",
  "ExternalNodes",
  "LocalSubnetL2Reachability",
  "NodeNames",
  "Mtu",
  "Wireguard",
  "HandMadePools",
] as const;
/** Those that only warn: whether a pair may route does not ask them. */
export const WARNINGS: ReadonlySet<RequirementCode> = new Set([
  "NodesReached",
  "NodeNames",
  "Mtu",
  "Wireguard",
  "HandMadePools",
]);
export type RequirementCode = (typeof REQUIREMENTS)[number];

/** The two clusters that are compared, both known, and what both have. */
export interface Pair {
  readonly names: readonly [string, string];
  readonly sides: readonly [OverlaySummary, OverlaySummary];
  readonly clashes: Clashes;
}

type Finding = { readonly state: "warning" | "failed"; readonly message: string } | null;

export interface Check {
  readonly find: (pair: Pair) => Finding;
  readonly value: (summary: OverlaySummary) => string;
}

const failed = (message: string): Finding => ({ state: "failed", message });
const warning = (message: string): Finding => ({ state: "warning", message });

/** The first finding of either side. */
function either(
  { names, sides }: Pair,
  find: (own: OverlaySummary, name: string, other: OverlaySummary, otherName: string) => Finding,
): Finding {
  return (
    find(sides[0], names[0], sides[1], names[1]) ?? find(sides[1], names[1], sides[0], names[0])
  );
}

const DEFAULTS: Readonly<Record<OverlayParam, string>> = {
  ExternalNodesCIDRList: "",
  LocalSubnetL2Reachability: "Disabled",
  RouteSource: "CalicoIPAM",
  VXLANEnabled: "",
  VXLANMTU: "0",
  VXLANPort: "4789",
  VXLANVNI: "4096",
  WireguardEnabled: "false",
};

function param({ params }: OverlaySummary, name: OverlayParam): string {
  return params[name] ?? DEFAULTS[name];
}

/** Both must have the same value of a parameter of FelixConfiguration. */
function equal(name: OverlayParam, field: string): Check {
  const value = (summary: OverlaySummary): string => param(summary, name);
  return {
    value,
    find: ({ names, sides }) => {
      const [a, b] = [value(sides[0]), value(sides[1])];
      return a === b
        ? null
        : failed(
            `${field} is ${a} in ${names[0]} and ${b} in ${names[1]}: set one value in both FelixConfigurations`,
          );
    },
  };
}

const families = ({ pools }: OverlaySummary, isVxlan: boolean): Set<string> =>
  new Set(
    pools
      .filter(({ mode }) => !isVxlan || mode === "vxlan")
      .map(({ cidr }) => (cidr.includes(":") ? "IPv6" : "IPv4")),
  );

const isOn = (text: string): boolean => text.toLowerCase() === "true";
const hasTunnel = ([, ip4, tunnel4, , ip6, tunnel6]: SummaryNode): boolean =>
  (ip4 !== "" && tunnel4 !== "") || (ip6 !== "" && tunnel6 !== "");
const listed = (texts: readonly string[]): string =>
  texts.length === 0 ? "none" : texts.join(", ");

export const CHECKS: Readonly<Record<RequirementCode, Check>> = {
  Reported: { value: () => "reported", find: () => null },
  NodeCount: {
    value: ({ nodeCount }) => String(nodeCount),
    find: (pair) =>
      either(pair, ({ nodes, nodeCount }, name) =>
        nodeCount > nodes.length
          ? failed(`${name} has ${nodeCount} nodes: more than are compared`)
          : null,
      ),
  },
  NodesUsable: {
    value: ({ nodeCount }) => `${nodeCount} nodes`,
    find: (pair) =>
      either(pair, ({ nodes, nodeCount }, name) => {
        if (nodeCount === 0) return failed(`${name} has no nodes: does it run Calico?`);
        return nodes.some(hasTunnel)
          ? null
          : failed(
              `no node of ${name} has both an address in spec.bgp and a VXLAN tunnel address: does Calico's CNI run there?`,
            );
      }),
  },
  NodesReached: {
    value: ({ nodes, nodeCount }) =>
      `${nodes.filter(hasTunnel).length} of ${nodeCount} nodes with a tunnel`,
    find: (pair) =>
      either(pair, ({ nodes }, name) => {
        const without = nodes.filter((node) => !hasTunnel(node)).length;
        return without === 0
          ? null
          : warning(`${without} nodes of ${name} have no tunnel: their pods are not reached`);
      }),
  },
  VxlanPools: {
    value: ({ pools }) => listed(pools.map(({ cidr, mode }) => `${cidr} ${mode}`)),
    find: ({ names, sides }) => {
      const both = [...families(sides[0], false)].filter((f) => families(sides[1], false).has(f));
      if (both.length === 0)
        return failed(`${names[0]} and ${names[1]} have no pools of one address family`);
      for (const [i, name] of names.entries()) {
        const vxlan = families(sides[i === 0 ? 0 : 1], true);
        const missing = both.find((family) => !vxlan.has(family));
        if (missing !== undefined)
          return failed(
            `${name} has no ${missing} pool with VXLAN: set vxlanMode on its pools, or add a small pool with vxlanMode: Always and allowedUses: [Tunnel], which leaves its pods as they are`,
          );
      }
      return null;
    },
  },
  VxlanEnabled: {
    value: (summary) => param(summary, "VXLANEnabled") || "by pools",
    find: (pair) =>
      either(pair, (own, name) =>
        param(own, "VXLANEnabled").toLowerCase() === "false"
          ? failed(`vxlanEnabled is false in ${name}: remove it from its FelixConfiguration`)
          : null,
      ),
  },
  TunnelMacs: {
    value: ({ nodes }) => `${nodes.length} MACs`,
    find: ({ names, clashes }) => {
      const [mac] = clashes.macs;
      if (mac === undefined) return null;
      const node = clashes.names[0];
      const which = node === undefined ? "" : ` (both have a node ${node})`;
      return failed(
        `${names[0]} and ${names[1]} have nodes with the tunnel MAC ${mac}${which}: give one of them another, by the annotation projectcalico.org/VXLANTunnelMACAddr on its Node (its calico-node restarts once)`,
      );
    },
  },
  Ranges: {
    value: ({ pools, services }) =>
      listed([...pools.map(({ cidr }) => cidr), ...services.map((cidr) => `services ${cidr}`)]),
    find: ({ names, clashes }) => {
      const [range] = clashes.ranges;
      return range === undefined
        ? null
        : failed(`ranges of ${names[0]} and ${names[1]} overlap: ${range}`);
    },
  },
  RouteSource: equal("RouteSource", "routeSource"),
  VxlanPort: equal("VXLANPort", "vxlanPort"),
  VxlanVni: equal("VXLANVNI", "vxlanVNI"),
  ExternalNodes: {
    value: (summary) => param(summary, "ExternalNodesCIDRList") || "none",
    find: (pair) =>
      either(pair, (own, name, other, otherName) => {
        const list = param(own, "ExternalNodesCIDRList");
        if (list === "") return null;
        const external = new RangeSet(list.split(",").map(asCidr));
        const inside = other.nodes.find(([, ip4, , , ip6]) =>
          [ip4, ip6].some((ip) => {
            const address = parseIp(ip);
            return address !== null && external.has(address);
          }),
        );
        return inside === undefined
          ? null
          : failed(
              `externalNodesList of ${name} (${list}) holds node ${inside[0]} of ${otherName}, which ends an nftables Felix: take it out`,
            );
      }),
  },
  LocalSubnetL2Reachability: {
    value: (summary) => param(summary, "LocalSubnetL2Reachability"),
    find: (pair) =>
      either(pair, (own, name) => {
        const value = param(own, "LocalSubnetL2Reachability");
        return value === "Disabled"
          ? null
          : failed(
              `localSubnetL2Reachability is ${value} in ${name}: its load balancers' addresses would be left to nodes of other clusters`,
            );
      }),
  },
  NodeNames: {
    value: ({ nodeCount }) => `${nodeCount} names`,
    find: ({ clashes }) =>
      clashes.names.length === 0
        ? null
        : warning(`both have nodes named ${clashes.names.join(", ")}`),
  },
  Mtu: {
    value: (summary) =>
      param(summary, "VXLANMTU") === "0" ? "automatic" : param(summary, "VXLANMTU"),
    find: ({ names, sides }) => {
      const [a, b] = [Number(param(sides[0], "VXLANMTU")), Number(param(sides[1], "VXLANMTU"))];
      if (a === b) return null;
      const least = a === 0 ? b : b === 0 ? a : Math.min(a, b);
      return warning(
        `vxlanMTU differs between ${names[0]} and ${names[1]}: set ${least} in both FelixConfigurations`,
      );
    },
  },
  Wireguard: {
    value: (summary) => param(summary, "WireguardEnabled"),
    find: ({ names, sides }) =>
      sides.some((own) => isOn(param(own, "WireguardEnabled")))
        ? warning(
            `clear text between ${names[0]} and ${names[1]}: WireGuard ends at a cluster's edge`,
          )
        : null,
  },
  HandMadePools: {
    value: ({ handMade }) => listed(handMade),
    find: (pair) =>
      either(pair, (own, name, other, otherName) => {
        const pools = new Set(other.pools.map(({ cidr }) => cidr));
        const found = own.handMade.filter((cidr) => pools.has(cidr));
        return found.length === 0
          ? null
          : warning(
              `${name} has a disabled pool ${found.join(", ")}, which is ${otherName}'s: no route goes there while it stands; it is not needed`,
            );
      }),
  },
};

function asCidr(text: string): string {
  const trimmed = text.trim();
  return trimmed.includes("/") ? trimmed : `${trimmed}/${trimmed.includes(":") ? 128 : 32}`;
}
