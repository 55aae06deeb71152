/** Corner cases that the recorded objects do not have. */
import { expect, test } from "vitest";

import { collectionOf } from "../../../relay/source/convert/converters.ts";
import { RecordStore } from "../../../relay/source/record-store.ts";
import { Recorder } from "./recorder.ts";

class World {
  readonly seen = new Recorder();
  readonly #store = new RecordStore(this.seen);

  put(
    kind: string,
    name: string,
    fields: object = {},
    apiVersion = "crd.projectcalico.org/v1",
  ): void {
    const isCore = ["Pod", "Node", "Namespace", "ServiceAccount"].includes(kind);
    const version = isCore ? "v1" : apiVersion;
    const collection = collectionOf(version, kind);
    if (collection === undefined) throw new Error(`no collection of ${kind}`);
    const namespace = collection.isNamespaced ? { namespace: "shop" } : {};
    const { metadata, ...rest } = fields as { metadata?: object };
    const object = {
      apiVersion: version,
      kind,
      metadata: { name, ...namespace, ...metadata },
      ...rest,
    };
    this.seen.apply(this.#store.upsert(collection, object).changes);
  }

  remove(id: string): void {
    this.seen.apply(this.#store.remove(id, "observed"));
  }

  get only(): unknown {
    expect(this.seen.records.size).toBe(1);
    return [...this.seen.records.values()][0];
  }
}

const running = { spec: { nodeName: "node-a" }, status: { podIPs: [{ ip: "10.0.0.1" }] } };

test("[SRC5] of two pools with one CIDR the lowest name wins, also after the winner has gone", () => {
  const world = new World();
  const key = "/calico/v1/ipam/v4/pool/10.64.0.0-16";
  world.put("IPPool", "b", { spec: { cidr: "10.64.0.0/16", vxlanMode: "Always" } });
  world.put("IPPool", "a", { spec: { cidr: "10.64.3.0/16", vxlanMode: "Never" } });
  expect(world.seen.records.get(key)).toMatchObject({ vxlanMode: "" });
  expect([...world.seen.problems]).toEqual([
    ["IPPool b", `has the key ${key} of IPPool a, which wins by name`],
  ]);
  world.put("IPPool", "b", { spec: { cidr: "10.64.0.0/16", vxlanMode: "CrossSubnet" } });
  expect(world.seen.changes).toHaveLength(2);
  world.remove("IPPool a");
  expect(world.seen.records.get(key)).toMatchObject({ vxlanMode: "cross-subnet" });
  expect(world.seen.problems.size).toBe(0);
  world.remove("IPPool b");
  expect(world.seen.changes.at(-1)).toEqual({ op: "delete", key, cause: "observed" });
});

test("[SRC6] a HostEndpoint that moves is deleted under its old node, then put under the new one", () => {
  const world = new World();
  world.put("HostEndpoint", "h", { spec: { node: "node-a", interfaceName: "eth0" } });
  world.put("HostEndpoint", "h", { spec: { node: "node-b", interfaceName: "eth0" } });
  expect(world.seen.changes.slice(1)).toMatchObject([
    { op: "delete", key: "/calico/v1/host/node-a/endpoint/h", cause: "observed" },
    { op: "put", record: { node: "node-b" } },
  ]);
});

test("[SRC3] an object whose record did not change gives no change", () => {
  const world = new World();
  world.put("Pod", "p", running);
  world.put("Pod", "p", { ...running, metadata: { annotations: { note: "new" } } });
  expect(world.seen.changes).toHaveLength(1);
});

test("[SRC4] an object that starts to fail is deleted and told; mended, it comes back and the problem is over", () => {
  const world = new World();
  const annotations = { "cni.projectcalico.org/floatingIPs": "" };
  world.put("Pod", "p", running);
  world.put("Pod", "p", { ...running, metadata: { annotations } });
  expect(world.seen.records.size).toBe(0);
  expect(world.seen.problems.get("Pod shop/p")).toMatch(/floatingIPs: must be a JSON list/);
  world.put("Pod", "p", running);
  expect(world.seen.records.size).toBe(1);
  expect(world.seen.problems.size).toBe(0);
});

test("[SRC4] a record past the limits of what may travel is told with field and rule, and not published", () => {
  const world = new World();
  const labels = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`l${i}`, "x"]));
  world.put("Pod", "many", { ...running, metadata: { labels } });
  world.put("Pod", "upper", { ...running, spec: { nodeName: "Node_A" } });
  expect(world.seen.records.size).toBe(0);
  expect(world.seen.problems.get("Pod shop/many")).toMatch(/^labels: .*limit/);
  expect(world.seen.problems.get("Pod shop/upper")).toMatch(
    /^node: must be a lower-case DNS-1123 name/,
  );
});

for (const [what, pod, ips] of [
  [
    "status.podIPs before status.podIP",
    { status: { podIPs: [{ ip: "10.0.0.1" }], podIP: "10.0.0.2" } },
    ["10.0.0.1"],
  ],
  [
    "IPv4 before IPv6",
    { status: { podIPs: [{ ip: "fd00::1" }, { ip: "10.0.0.1" }] } },
    ["10.0.0.1", "fd00::1"],
  ],
  [
    "the network of an annotation with a mask",
    { metadata: { annotations: { "cni.projectcalico.org/podIP": "10.0.0.9/26" } } },
    ["10.0.0.0"],
  ],
  ["IPv4 of a mapped address", { status: { podIP: "::ffff:10.0.0.3" } }, ["10.0.0.3"]],
  [
    "nothing of a pod of phase Failed",
    { status: { podIP: "10.0.0.1", phase: "Failed" } },
    undefined,
  ],
  ["nothing of a pod without node", { spec: {}, status: { podIP: "10.0.0.1" } }, undefined],
  [
    "nothing of a pod on the host's network",
    { spec: { nodeName: "n", hostNetwork: true }, status: { podIP: "10.0.0.1" } },
    undefined,
  ],
  [
    "nothing of a terminating pod whose address was taken back",
    {
      metadata: {
        deletionTimestamp: "2026-01-01T00:00:00Z",
        annotations: { "cni.projectcalico.org/podIP": "" },
      },
      status: { podIP: "10.0.0.1" },
    },
    undefined,
  ],
  [
    "the address of a terminating pod that still has it",
    { metadata: { deletionTimestamp: "2026-01-01T00:00:00Z" }, status: { podIP: "10.0.0.1" } },
    ["10.0.0.1"],
  ],
] as const)
  test(`[SRC11] a pod's addresses: ${what}`, () => {
    const world = new World();
    world.put("Pod", "p", { spec: { nodeName: "n" }, ...pod });
    const [record] = world.seen.records.values();
    expect(record?.kind === "WorkloadEndpoint" ? record.ips : undefined).toEqual(ips);
    expect(world.seen.problems.size).toBe(0);
  });

for (const [name, value, isLost] of [
  ["cni.projectcalico.org/floatingIPs", "203.0.113.5", true],
  ["cni.projectcalico.org/floatingIPs", '["bogus"]', false],
  ["cni.projectcalico.org/floatingIPs", "[1]", true],
  ["cni.projectcalico.org/allowedSourcePrefixes", '["10.0.0.1"]', true],
  ["cni.projectcalico.org/allowedSourcePrefixes", "", false],
  ["cni.projectcalico.org/podIPs", "10.0.0.1, 10.0.0.2", true],
] as const)
  test(`[SRC14] annotation ${name} of ${JSON.stringify(value)} ${isLost ? "costs the endpoint" : "is harmless"}`, () => {
    const world = new World();
    const status = name.endsWith("podIPs") ? {} : { podIP: "10.0.0.1" };
    world.put("Pod", "p", {
      spec: { nodeName: "n" },
      status,
      metadata: { annotations: { [name]: value } },
    });
    expect(world.seen.records.size).toBe(isLost ? 0 : 1);
    expect(world.seen.problems.has("Pod shop/p")).toBe(isLost);
  });

test("[SRC15] namespaces and service accounts are profiles of their labels, with their own names", () => {
  const world = new World();
  const metadata = { labels: { env: "prod", "projectcalico.org/name": "spoofed", "pcns.x": "y" } };
  world.put("Namespace", "shop", { metadata, status: { phase: "Terminating" } });
  world.put("ServiceAccount", "web", { metadata });
  expect([...world.seen.records.values()]).toEqual([
    {
      kind: "Profile",
      name: "kns.shop",
      labels: { "pcns.env": "prod", "pcns.projectcalico.org/name": "shop", "pcns.pcns.x": "y" },
    },
    {
      kind: "Profile",
      name: "ksa.shop.web",
      labels: { "pcsa.env": "prod", "pcsa.projectcalico.org/name": "web", "pcsa.pcns.x": "y" },
    },
  ]);
});

test("[SRC12] a pod's labels cannot claim another namespace, service account, or inherited label", () => {
  const world = new World();
  const labels = {
    "projectcalico.org/namespace": "ops",
    "projectcalico.org/orchestrator": "x",
    "projectcalico.org/serviceaccount": "admin",
    "pcns.env": "prod",
    "pcsa.role": "admin",
    app: "web",
  };
  world.put("Pod", "p", {
    ...running,
    spec: { nodeName: "n", serviceAccountName: "web" },
    metadata: { labels },
  });
  expect(world.only).toMatchObject({
    labels: {
      app: "web",
      "projectcalico.org/namespace": "shop",
      "projectcalico.org/orchestrator": "k8s",
      "projectcalico.org/serviceaccount": "web",
    },
  });
  expect(Object.keys((world.only as { labels: object }).labels)).toHaveLength(4);
});

test("[SRC13] a port that Felix would refuse is lost alone, and told", () => {
  const world = new World();
  const ports = [
    { name: "ok", containerPort: 1, protocol: "tcp" },
    { name: "icmp", containerPort: 2, protocol: "ICMP" },
    { name: "a b", containerPort: 3 },
    { name: "big", containerPort: 65536 },
    { containerPort: 4 },
    { name: "zero", containerPort: 0 },
  ];
  world.put("Pod", "p", { ...running, spec: { nodeName: "n", containers: [{ ports }] } });
  expect(world.only).toMatchObject({ ports: [{ name: "ok", protocol: "tcp", port: 1 }] });
  const problem = world.seen.problems.get("Pod shop/p") ?? "";
  for (const path of ["ports[1].protocol", "ports[2].name", "ports[3].containerPort"])
    expect(problem).toContain(`spec.containers[0].${path}`);
});

for (const [field, object] of [
  ["spec.nodeName", { spec: { nodeName: 5 } }],
  ["spec.hostNetwork", { spec: { nodeName: "n", hostNetwork: "yes" } }],
  ["spec.containers", { ...running, spec: { nodeName: "n", containers: {} } }],
  ["status.podIPs[0]", { ...running, status: { podIPs: ["10.0.0.1"] } }],
  ["status.podIP", { ...running, status: { podIP: 7 } }],
  ["status", { ...running, status: [] }],
  ['metadata.labels["a"]', { ...running, metadata: { labels: { a: 1 } } }],
] as const)
  test(`[SRC4] a pod whose ${field} is of a wrong type is told by that field, and crashes nothing`, () => {
    const world = new World();
    world.put("Pod", "p", object);
    expect(world.seen.records.size).toBe(0);
    expect(world.seen.problems.get("Pod shop/p")).toContain(`${field}: must be`);
  });

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
      vxlanMTU: [],
    },
  });
  world.put("FelixConfiguration", "node.n", { spec: { vxlanVNI: 1 } });
  world.put("ClusterInformation", "default", { spec: { clusterGUID: "g" } });
  expect(world.only).toEqual({
    kind: "ClusterConfig",
    params: { ClusterGUID: "g", RouteSource: "CalicoIPAM", VXLANEnabled: "true", VXLANVNI: "4097" },
  });
  expect(world.seen.problems.get("FelixConfiguration default")).toContain("spec.vxlanMTU");
  world.remove("FelixConfiguration default");
  expect(world.only).toEqual({ kind: "ClusterConfig", params: { ClusterGUID: "g" } });
  world.remove("ClusterInformation default");
  expect(world.seen.records.size).toBe(0);
});
