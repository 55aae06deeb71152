import { expect, test } from "vitest";

import { isName } from "../../shared/lib/names.ts";
import { nextChain, NO_CHAIN } from "../../shared/log/cursor.ts";
import { channelOf, CHANNELS } from "../../shared/record/channel.ts";
import { KINDS, SCHEMA } from "../../shared/record/schema.ts";

test("[NAM1] names are lower-case labels of at most 63 characters, and the rule is said in words", () => {
  for (const name of ["a", "db", "eu-west-1", "0", "a".repeat(63)])
    expect([name, isName(name)]).toEqual([name, true]);
  for (const name of ["", "-a", "a-", "A", "a_b", "a.b", "a/b", "a".repeat(64), "é", "a\n"])
    expect([name, isName(name)]).toEqual([name, false]);
});

test("[REC1] what travels is exactly this", () => {
  expect(
    Object.fromEntries(KINDS.map((kind) => [kind, SCHEMA[kind].map(([field]) => field as string)])),
  ).toEqual({
    WorkloadEndpoint: [
      "node",
      "orchestrator",
      "namespace",
      "name",
      "endpoint",
      "ips",
      "profiles",
      "labels",
      "ports",
    ],
    HostEndpoint: ["node", "name", "interfaceName", "ips", "profiles", "labels", "ports"],
    Profile: ["name", "labels"],
    IPPool: ["cidr", "ipipMode", "vxlanMode", "natOutgoing", "disabled", "allowedUses"],
    Node: [
      "name",
      "ipv4Address",
      "ipv6Address",
      "internalIPs",
      "ipv4VXLANTunnelAddr",
      "ipv6VXLANTunnelAddr",
      "vxlanTunnelMACAddr",
      "vxlanTunnelMACAddrV6",
      "ipv4IPIPTunnelAddr",
      "ipv4WireguardAddr",
      "ipv6WireguardAddr",
      "wireguardPublicKey",
      "wireguardPublicKeyV6",
    ],
    IPAMBlock: ["cidr", "node", "borrowed"],
    ClusterConfig: ["params"],
    Service: [
      "namespace",
      "name",
      "labels",
      "ports",
      "appProtocols",
      "headless",
      "publishNotReady",
      "federated",
      "affinitySeconds",
      "internalLocal",
      "trafficDistribution",
      "families",
    ],
    ServiceEndpoint: [
      "namespace",
      "service",
      "ports",
      "zone",
      "pod",
      "ip",
      "notReady",
      "notServing",
      "terminating",
      "hostname",
    ],
    ServiceChange: ["namespace", "service", "atMs"],
    ServiceExport: ["namespace", "name", "createdMs", "labels", "annotations"],
  });
  expect(KINDS.map(channelOf).every((channel) => CHANNELS.includes(channel))).toBe(true);
});

test("[LOG2] the chain tells histories apart that share a revision", () => {
  const [a, b] = [Uint8Array.of(1), Uint8Array.of(2)];
  const one = nextChain(nextChain(NO_CHAIN, 1, a), 2, b);
  const other = nextChain(nextChain(NO_CHAIN, 1, b), 2, b);
  expect(one).toHaveLength(16);
  expect(one).not.toEqual(other);
  expect(nextChain(NO_CHAIN, 1, a)).not.toEqual(nextChain(NO_CHAIN, 2, a));
});
