/**
 * Pods, namespaces, and what is the same for every kind: corner cases that the recorded objects do
 * not have.
 */
import { expect, test } from "vitest";

import { running, World } from "./world.ts";

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
  test(`[SRC11] [SRC89] a pod's addresses: ${what}`, () => {
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
