/** What each requirement of routes asks, in a few words. [OVL2] */
import type { RequirementCode } from "./checks.ts";

export const REQUIREMENT_WORDS: Readonly<Record<RequirementCode, string>> = {
  Reported: "a relay has said what routes need",
  NodeCount: "few enough nodes to compare all",
  NodesUsable: "a node has an address and a tunnel",
  NodesReached: "every node has a tunnel",
  VxlanPools: "a VXLAN pool of each family of both",
  VxlanEnabled: "VXLAN is not switched off",
  TunnelMacs: "no tunnel MAC is in both",
  Ranges: "no range is in both",
  RouteSource: "routes come from the same source",
  VxlanPort: "one VXLAN port",
  VxlanVni: "one VXLAN network number",
  ExternalNodes: "no node is external to the other",
  LocalSubnetL2Reachability: "addresses stay with their cluster",
  NodeNames: "no node's name is in both",
  Mtu: "one MTU",
  Wireguard: "encrypted on the way",
  HandMadePools: "no pool stands for the other's",
};

/** Nothing for a requirement of a newer hub. */
export function requirementWords(code: string): string {
  return Object.entries(REQUIREMENT_WORDS).find(([name]) => name === code)?.[1] ?? "";
}
