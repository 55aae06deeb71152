import { expect, test } from "vitest";

import type { DesiredSlice, HeldSlice } from "../../../relay/services/endpoint-slices.ts";
import { planWrites } from "../../../relay/services/plan-writes.ts";
import { readOwnSlice } from "../../../relay/services/own-slice.ts";
import type { OwnSlice } from "../../../relay/services/own-slice.ts";
import { endpoint, FederatedWorld, fillable, service } from "../../support/federated.ts";

function slicesOf(world: FederatedWorld, held: readonly HeldSlice[] = []): readonly DesiredSlice[] {
  const filling = world.services.filling("shop/db", held);
  if (filling.kind !== "filled") throw new Error(filling.kind);
  return filling.slices;
}

function asHeld(slices: readonly DesiredSlice[]): OwnSlice[] {
  return slices.map(({ object }) => {
    const slice = readOwnSlice(object);
    if (slice === null) throw new Error("a slice of ours cannot be read");
    return slice;
  });
}

function filledBy(count: number): FederatedWorld {
  const world = new FederatedWorld();
  world.ask(fillable("all()"));
  world.put("b", service("pg", {}));
  for (let i = 0; i < count; i++)
    world.put("b", endpoint("pg", `10.2.${Math.floor(i / 200)}.${i % 200}`));
  return world;
}

test("[SVC20] a slice has our manager, its Service and source as labels, and the Service as its owner", () => {
  const world = new FederatedWorld();
  world.ask(fillable("all()", {}, { clusterIP: "None" }));
  world.put("b", service("pg", {}));
  const more = { terminating: true, notReady: true, zone: "eu-1", hostname: "db-0" };
  world.put("b", endpoint("pg", "10.2.0.1", more), endpoint("pg", "fd00::1"));
  const [four, six] = slicesOf(world);
  expect(four?.object).toEqual({
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      name: four?.name,
      namespace: "shop",
      labels: {
        "kubernetes.io/service-name": "db",
        "endpointslice.kubernetes.io/managed-by": "services.catwalk.dev",
        "multicluster.kubernetes.io/source-cluster": "b",
        "multicluster.kubernetes.io/service-name": "db",
        "service.kubernetes.io/headless": "",
      },
      ownerReferences: [
        { apiVersion: "v1", kind: "Service", name: "db", uid: "uid-1", controller: true },
      ],
    },
    addressType: "IPv4",
    endpoints: [
      {
        addresses: ["10.2.0.1"],
        conditions: { ready: false, serving: true, terminating: true },
        hostname: "db-0",
        targetRef: { kind: "Pod", namespace: "shop", name: "b/pod-1" },
        zone: "eu-1",
      },
    ],
    ports: [{ name: "sql", protocol: "TCP", port: 5432 }],
  });
  expect(six?.object["addressType"]).toBe("IPv6");
});

test("[SVC21] a remote endpoint has no nodeName, a local one its pod's; the source's time is told and is no reason to write", () => {
  const world = filledBy(1);
  const pod = { kind: "WorkloadEndpoint", orchestrator: "k8s", endpoint: "eth0" } as const;
  const none = { ips: [], labels: {}, profiles: [], ports: [] };
  const record = { ...pod, ...none, node: "node-1", namespace: "shop", name: "pod-1" };
  world.services.onRecords(null, [{ op: "put", record }]);
  world.put(null, service("own", {}), endpoint("own", "10.1.0.1"));
  const [local, remote] = slicesOf(world);
  expect(JSON.stringify(local?.object)).toContain('"nodeName":"node-1"');
  expect(JSON.stringify(remote?.object)).not.toContain("nodeName");
  const held = asHeld(slicesOf(world));
  const change = { kind: "ServiceChange", namespace: "shop", service: "pg", atMs: 1.7e12 } as const;
  world.services.onRecords("b", [{ op: "put", record: change }]);
  const next = slicesOf(world, held);
  expect(next[1]?.object["metadata"]).toMatchObject({
    annotations: { "endpoints.kubernetes.io/last-change-trigger-time": "2023-11-14T22:13:20.000Z" },
  });
  expect(planWrites(held, next, () => false)).toEqual([]);
});

test("[SVC22] at most 100 endpoints a slice, all of 1,001, and one more or less is one write", () => {
  const world = filledBy(1_001);
  const held = asHeld(slicesOf(world));
  expect(held.map(({ addresses }) => addresses.length).toSorted((a, b) => a - b)).toEqual([
    1,
    ...Array.from({ length: 10 }, () => 100),
  ]);
  expect(slicesOf(world).map(({ name }) => name)).toEqual(held.map(({ name }) => name));
  world.put("b", endpoint("pg", "10.2.0.7", { notReady: true }));
  expect(planWrites(held, slicesOf(world, held), () => false)).toHaveLength(1);
  world.delete("b", endpoint("pg", "10.2.0.9"));
  expect(planWrites(held, slicesOf(world, held), () => false)).toHaveLength(1);
});

test("[SVC23] what adds comes before what takes away, whatever moves", () => {
  const world = filledBy(250);
  const held = asHeld(slicesOf(world));
  for (let i = 0; i < 250; i += 2)
    world.delete("b", endpoint("pg", `10.2.${Math.floor(i / 200)}.${i % 200}`));
  for (let i = 0; i < 120; i++) world.put("b", endpoint("pg", `10.2.9.${i}`));
  world.put(null, service("own", {}), endpoint("own", "10.1.0.1"));
  const plan = planWrites(held, slicesOf(world, held), () => false);
  const now = new Map(held.map(({ name, addresses }) => [name, addresses]));
  const wanted = new Set(slicesOf(world, held).flatMap(({ addresses }) => addresses));
  const stay = held.flatMap(({ addresses }) => addresses.filter((ip) => wanted.has(ip)));
  for (const write of plan) {
    if (write.op === "delete") now.delete(write.before.name);
    else now.set(write.slice.name, write.slice.addresses);
    const there = new Set([...now.values()].flat());
    expect(stay.filter((ip) => !there.has(ip))).toEqual([]);
  }
  expect(plan[0]?.op).toBe("create");
  expect(new Set([...now.values()].flat())).toEqual(wanted);
});

test("[SVC24] nothing leaves the slices of a cluster that has not told everything once", () => {
  const world = filledBy(3);
  const held = asHeld(slicesOf(world));
  world.delete("b", endpoint("pg", "10.2.0.1"));
  const isKept = (cluster: string): boolean => cluster === "b";
  expect(planWrites(held, slicesOf(world, held), isKept)).toEqual([]);
  expect(planWrites(held, [], isKept)).toEqual([]);
  expect(planWrites(held, slicesOf(world, held), () => false)).toHaveLength(1);
  expect(planWrites(held, [], () => false)[0]?.op).toBe("delete");
});

test("[SVC24] what a disk knows of an endpoint that is in a slice may be old: it stays as it is, not ready as well", () => {
  const world = filledBy(2);
  world.put("b", endpoint("pg", "10.2.0.1", { notReady: true }));
  const held = asHeld(slicesOf(world));
  world.put("b", endpoint("pg", "10.2.0.1"));
  const isKept = (cluster: string): boolean => cluster === "b";
  expect(planWrites(held, slicesOf(world, held), isKept)).toEqual([]);
  world.put("b", endpoint("pg", "10.2.0.9"));
  const [write] = planWrites(held, slicesOf(world, held), isKept);
  if (write?.op !== "replace") throw new Error(write?.op);
  expect(write.slice.object["endpoints"]).toMatchObject([
    { addresses: ["10.2.0.0"], conditions: { ready: true } },
    { addresses: ["10.2.0.1"], conditions: { ready: false } },
    { addresses: ["10.2.0.9"], conditions: { ready: true } },
  ]);
  // That it was not heard for too long this relay knows by itself.
  const lost = slicesOf(world, held).map((slice) => ({ ...slice, isLostTooLong: true }));
  expect(planWrites(held, lost, isKept)).toHaveLength(1);
  expect(planWrites(held, slicesOf(world, held), () => false)).toHaveLength(1);
});

test("[SVC23] two slices that give each other endpoints: neither is missing at any moment", () => {
  const world = new FederatedWorld();
  world.ask(fillable("all()"));
  world.put("b", service("pg", {}));
  const at = (ip: string, port: number) =>
    endpoint("pg", ip, { ports: [{ name: "sql", protocol: "tcp", port }] });
  world.put("b", at("10.2.0.1", 5432), at("10.2.0.2", 6432));
  let held = asHeld(slicesOf(world));
  expect(held).toHaveLength(2);
  world.put("b", at("10.2.0.1", 6432), at("10.2.0.2", 5432));
  for (let writes = 0; ; writes++) {
    const [write] = planWrites(held, slicesOf(world, held), () => false);
    if (write === undefined) break;
    expect(writes).toBeLessThan(5);
    if (write.op !== "replace") throw new Error(write.op);
    const [next] = asHeld([write.slice]);
    held = held.map((slice) => (slice.name === write.slice.name ? (next ?? slice) : slice));
    const there = new Set(held.flatMap(({ addresses }) => addresses));
    expect([...there].toSorted()).toEqual(["10.2.0.1", "10.2.0.2"]);
  }
  expect(held.map(({ addresses }) => addresses.length)).toEqual([1, 1]);
});

test("[SVC22] 5,000 endpoints are 50 slices, all of them, and one change is one write", () => {
  const world = new FederatedWorld();
  world.ask(fillable("all()"));
  world.put("b", service("pg", {}));
  const of = (i: number, notReady = false) =>
    endpoint("pg", `10.2.${Math.floor(i / 250)}.${i % 250}`, { notReady });
  for (let i = 0; i < 5_000; i++) world.put("b", of(i));
  const held = asHeld(slicesOf(world));
  expect(held.map(({ addresses }) => addresses.length)).toEqual(
    Array.from({ length: 50 }, () => 100),
  );
  expect(new Set(held.flatMap(({ addresses }) => addresses)).size).toBe(5_000);
  world.put("b", of(4_321, true));
  expect(planWrites(held, slicesOf(world, held), () => false)).toHaveLength(1);
});
