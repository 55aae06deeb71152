/** Nodes and Calico's own kinds: corner cases that the recorded objects do not have. */
import { expect, test } from "vitest";

import { World } from "./world.ts";

test("[SRC16] a node's annotations are read one by one, canonically", () => {
  const world = new World();
  const annotations = {
    "projectcalico.org/IPv4Address": "172.18.0.5/16",
    "projectcalico.org/IPv6Address": "FD00:18:0::8/64",
    "projectcalico.org/VXLANTunnelMACAddr": "66-9E-0F-01-02-03",
    "projectcalico.org/IPv4VXLANTunnelAddr": "10.64.0.65/26",
    "projectcalico.org/WireguardPublicKey": "short",
  };
  world.put("Node", "n", { metadata: { annotations } });
  expect(world.only).toMatchObject({
    ipv4Address: "172.18.0.5/16",
    ipv6Address: "fd00:18::8/64",
    vxlanTunnelMACAddr: "66:9e:0f:01:02:03",
    ipv4VXLANTunnelAddr: "",
    wireguardPublicKey: "",
  });
  expect(world.seen.problems.get("Node n")).toMatch(
    /IPv4VXLANTunnelAddr: .*; .*WireguardPublicKey: /,
  );
});

test("[SRC17] the metadata annotation lies over the labels in the classic group only", () => {
  const fields = {
    metadata: {
      labels: { a: "object", b: "object" },
      annotations: { "projectcalico.org/metadata": '{"labels":{"a":"annotation"}}' },
    },
    spec: { node: "n" },
  };
  const [classic, v3] = [new World(), new World()];
  classic.put("HostEndpoint", "h", fields);
  v3.put("HostEndpoint", "h", fields, "projectcalico.org/v3");
  expect(classic.only).toMatchObject({ labels: { a: "annotation", b: "object" } });
  expect(v3.only).toMatchObject({ labels: { a: "object", b: "object" } });
});

test("[SRC18] a HostEndpoint without node is told; an expected address that is none, or has a mask, is lost alone", () => {
  const world = new World();
  world.put("HostEndpoint", "lost", { spec: {} });
  world.put("HostEndpoint", "h", {
    spec: { node: "n", expectedIPs: ["10.0.0.1/32", "x", "fd00::1", "10.0.0.2"] },
  });
  expect(world.only).toMatchObject({ ips: ["10.0.0.2", "fd00::1"] });
  expect(world.seen.problems.get("HostEndpoint lost")).toBe("spec.node: is missing");
  expect(world.seen.problems.get("HostEndpoint h")).toMatch(/expectedIPs\[0\].*expectedIPs\[1\]/);
});

test("[ADM10] a profile that a HostEndpoint names again is named once, where it stood first", () => {
  const world = new World();
  world.put("HostEndpoint", "h", { spec: { node: "n", profiles: ["q", "p", "q", "p"] } });
  expect(world.only).toMatchObject({ profiles: ["q", "p"] });
});

test("[SRC19] a pool's unknown mode counts as never, and is told; a CIDR that is none costs the pool", () => {
  const world = new World();
  world.put("IPPool", "p", {
    spec: { cidr: "10.0.0.0/8", vxlanMode: "always", allowedUses: ["Workload", "Tunnel"] },
  });
  world.put("IPPool", "q", { spec: { cidr: "10.0.0.0" } });
  expect(world.only).toMatchObject({ vxlanMode: "", allowedUses: ["Tunnel", "Workload"] });
  expect(world.seen.problems.get("IPPool p")).toContain('spec.vxlanMode: "always" must be');
  expect(world.seen.problems.get("IPPool q")).toBe('spec.cidr: "10.0.0.0" is not a CIDR');
});

test("[SRC20] a block that does not parse is told and stops nothing; a bad allocation is lost alone", () => {
  const world = new World();
  world.put("IPAMBlock", "bad", { spec: { cidr: "10.64.0.0/33" } });
  world.put("IPAMBlock", "b", {
    spec: {
      cidr: "10.64.0.0/30",
      affinity: "host:n",
      allocations: [0, -1, 7, 1, 0, 0],
      attributes: [{ secondary: { node: "m" } }, { secondary: { node: "n" } }],
    },
  });
  expect(world.only).toMatchObject({ node: "n", borrowed: [{ ordinal: 0, node: "m" }] });
  expect(world.seen.problems.get("IPAMBlock bad")).toContain("spec.cidr");
  expect(world.seen.problems.get("IPAMBlock b")).toMatch(
    /has 6 entries.*allocations\[1\].*allocations\[2\]/,
  );
});

test("[SRC20] [OVL1] pods that come and go on the block's own node leave its record as it is", () => {
  const world = new World();
  const put = (allocations: readonly (number | null)[], sequence: number): string => {
    const attributes = [{ secondary: { node: "n", pod: `p${sequence}` } }];
    const spec = { cidr: "10.64.0.0/30", affinity: "host:n", allocations, attributes };
    world.put("IPAMBlock", "b", { spec: { ...spec, sequenceNumber: sequence } });
    return JSON.stringify(world.only);
  };
  const empty = put([null, null, null, null], 1);
  expect(put([0, null, null, null], 2)).toBe(empty);
  expect(put([null, 0, 0, null], 3)).toBe(empty);
});

test("[SRC20] blocks of load balancers and blocks that are being deleted give no record", () => {
  const world = new World();
  world.put("IPAMBlock", "v", {
    spec: { cidr: "10.64.0.0/26", affinity: "virtual:load-balancer" },
  });
  world.put("IPAMBlock", "d", {
    spec: { cidr: "10.64.1.0/26", affinity: "host:n", deleted: true },
  });
  expect(world.seen.records.size).toBe(0);
  expect(world.seen.problems.size).toBe(0);
});

test("[SRC21] the cluster's settings are put together from two objects, and come apart again", () => {
  const world = new World();
  world.put("FelixConfiguration", "default", {
    spec: {
      vxlanEnabled: true,
      vxlanVNI: 4097,
      routeSource: "CalicoIPAM",
      logSeverityScreen: "Info",
      externalNodesList: ["192.0.2.0/24", "192.0.3.1"],
      vxlanMTU: [],
    },
  });
  world.put("FelixConfiguration", "node.n", { spec: { vxlanVNI: 1 } });
  world.put("ClusterInformation", "default", { spec: { clusterGUID: "g" } });
  expect(world.only).toEqual({
    kind: "ClusterConfig",
    params: {
      ClusterGUID: "g",
      ExternalNodesCIDRList: "192.0.2.0/24,192.0.3.1",
      RouteSource: "CalicoIPAM",
      VXLANEnabled: "true",
      VXLANVNI: "4097",
    },
  });
  expect(world.seen.problems.get("FelixConfiguration default")).toContain("spec.vxlanMTU");
  world.remove("FelixConfiguration default");
  expect(world.only).toEqual({ kind: "ClusterConfig", params: { ClusterGUID: "g" } });
  world.remove("ClusterInformation default");
  expect(world.seen.records.size).toBe(0);
});
