/** A cluster whose datastore is etcd, against a small one that can be broken. */
import { afterEach, beforeEach, expect, test } from "vitest";

import type { EtcdAccess } from "../../../relay/source/etcd/etcd-access.ts";
import { EtcdSource } from "../../../relay/source/etcd/etcd-source.ts";
import { tellsProgressTruly } from "../../../relay/source/etcd/progress-version.ts";
import { FakeEtcd } from "../../support/fake-etcd.ts";
import { until } from "../../support/direct-rig.ts";
import { Recorder } from "./recorder.ts";

const R = "/calico/resources/v3/projectcalico.org";
const NOBODY = { username: "", password: "", ca: "", cert: "", key: "" };

let etcd: FakeEtcd;
let seen: Recorder;
let source: EtcdSource | null = null;

beforeEach(async () => {
  etcd = new FakeEtcd();
  await etcd.start();
  seen = new Recorder();
});

afterEach(async () => {
  await source?.stop();
  source = null;
  await etcd.stop();
});

function start(access: Partial<EtcdAccess> = {}, progressMs = 10_000): void {
  source = new EtcdSource({
    access: () => Promise.resolve({ ...NOBODY, endpoints: [etcd.endpoint], ...access }),
    random: () => 0.99,
    refusedMs: 50,
    progressMs,
  });
  source.start(seen);
}

const key = (name: string): string => `${R}/workloadendpoints/shop/node--a-k8s-${name}-eth0`;

function pod(ip: string, labels: object = {}) {
  return {
    kind: "WorkloadEndpoint",
    apiVersion: "projectcalico.org/v3",
    metadata: { name: "n", namespace: "shop", labels },
    spec: { node: "node-a", orchestrator: "k8s", ipNetworks: [ip], profiles: ["kns.shop"] },
  };
}

const state = (): string[] => source?.health().collections.map((one) => one.state) ?? [];
const isFollowing = (): boolean => state().every((one) => one === "following");
const reasons = (): string => JSON.stringify(source?.health().collections.map((c) => c.reason));
const causes = (): string[] =>
  seen.changes.flatMap((change) => (change.op === "delete" ? [change.cause] : []));
const ips = (): string[] =>
  [...seen.records.values()].flatMap((record) => ("ips" in record ? record.ips : [])).toSorted();

test("[DIR22] an address that is an empty text, which ends Calico's own reader, costs its endpoint", async () => {
  etcd.put(key("empty"), pod(""));
  etcd.put(key("web"), pod("10.20.0.14/32"));
  start();
  await seen.until(() => seen.listedCount > 0);
  expect(ips()).toEqual(["10.20.0.14"]);
  expect(seen.problems.get("WorkloadEndpoint shop/node--a-k8s-empty-eth0")).toMatch(
    /^spec\.ipNetworks\[0\]: "" is not an address/,
  );
});

test("[DIR10] Calico's keys give the records that an API server's objects give", async () => {
  etcd.put(key("web--0"), {
    ...pod("10.20.0.13/26", { role: "web", "pcns.x": "no" }),
    spec: {
      ...pod("10.20.0.13/26").spec,
      ipNetworks: ["fd00::7/128", "10.20.0.13/26"],
      serviceAccountName: "app",
      ports: [
        { name: "http", protocol: "TCP", port: 80 },
        { protocol: "TCP", port: 1 },
        { name: "dns", protocol: 17, port: 53 },
      ],
    },
  });
  etcd.put(`${R}/profiles/kns.shop`, { spec: { labelsToApply: { "pcns.team": "a" } } });
  etcd.put(`${R}/profiles/projectcalico-default-allow`, { spec: {} });
  etcd.put(`${R}/hostendpoints/h`, { spec: { node: "n", expectedIPs: ["172.21.0.1"] } });
  etcd.put(`${R}/nodes/node-a`, { spec: { bgp: { ipv4Address: "172.21.0.1/24" } } });
  etcd.put(`${R}/ippools/p`, { spec: { cidr: "10.20.0.0/16", vxlanMode: "Always" } });
  etcd.put(`${R}/clusterinformations/default`, { spec: { clusterGUID: "g" } });
  etcd.put("/calico/ipam/v2/assignment/ipv4/block/10.20.0.0-26", {
    cidr: "10.20.0.0/26",
    affinity: "host:node-a",
    deleted: false,
  });
  start();
  await until(() => seen.listedCount > 0);
  const records = [...seen.records.values()];
  expect(records.map(({ kind }) => kind).toSorted()).toEqual([
    "ClusterConfig",
    "HostEndpoint",
    "IPAMBlock",
    "IPPool",
    "Node",
    "Profile",
    "WorkloadEndpoint",
  ]);
  expect(records.find(({ kind }) => kind === "WorkloadEndpoint")).toEqual({
    kind: "WorkloadEndpoint",
    node: "node-a",
    orchestrator: "k8s",
    namespace: "shop",
    name: "web-0",
    endpoint: "eth0",
    ips: ["10.20.0.0", "fd00::7"],
    labels: { role: "web", "projectcalico.org/serviceaccount": "app" },
    profiles: ["kns.shop"],
    ports: [
      { name: "http", protocol: "tcp", port: 80 },
      { name: "dns", protocol: "udp", port: 53 },
    ],
  });
});

test("[DIR10] values that do not parse cost themselves, and are told by key", async () => {
  etcd.put(key("a"), "of another application");
  etcd.put(`${R}/workloadendpoints/shop/nodashes`, pod("10.20.0.1"));
  etcd.put(key("b"), pod("not an address"));
  etcd.put(`${R}/nodes/n`, "[1]");
  etcd.put(key("c"), pod("10.20.0.3"));
  start();
  await until(() => seen.listedCount > 0);
  expect(ips()).toEqual(["10.20.0.3"]);
  expect(seen.problems.size).toBe(4);
});

test("[DIR11] pages are of one revision, and changes meanwhile come from the watch", async () => {
  etcd.pageSize = 10;
  for (let i = 0; i < 35; i++) etcd.put(key(`p${i + 10}`), pod(`10.20.0.${i}`));
  const revision = etcd.revision;
  start();
  await until(() => etcd.ranges.length > 1);
  // Where this test comes late and all is listed, a watch brings it at once.
  etcd.put(key("p99"), pod("10.20.9.9"));
  await until(() => seen.listedCount > 0 && isFollowing());
  await until(() => ips().length === 36);
  expect(new Set(etcd.ranges.slice(1).map((range) => range.revision))).toEqual(new Set([revision]));
  expect(etcd.begun.map(({ startRevision }) => startRevision)).toEqual(
    Array.from({ length: 8 }, () => revision + 1),
  );
});

test("[DIR11] a broken connection goes on from the last revision, without a list", async () => {
  etcd.put(key("a"), pod("10.20.0.1"));
  start();
  await until(isFollowing);
  etcd.put(key("b"), pod("10.20.0.2"));
  await until(() => ips().length === 2);
  const lists = etcd.ranges.length;
  etcd.breakConnections();
  etcd.delete(key("a"), true);
  await until(() => ips().length === 1);
  expect(etcd.ranges.length).toBe(lists);
  expect(causes()).toEqual(["observed"]);
});

test("[DIR11] what was compacted meanwhile is listed again, and what is missing is inferred", async () => {
  etcd.put(key("a"), pod("10.20.0.1"));
  etcd.put(key("b"), pod("10.20.0.2"));
  start();
  await until(isFollowing);
  etcd.breakConnections();
  etcd.delete(key("a"), true);
  etcd.put(key("b"), pod("10.20.0.3"), true);
  etcd.compact();
  await until(() => ips().join() === "10.20.0.3" && isFollowing());
  expect(causes()).toEqual(["inferred"]);
});

test("[DIR11] progress moves the position on, so that a compaction of quiet times costs no list", async () => {
  etcd.put(key("a"), pod("10.20.0.1"));
  start({}, 20);
  await until(isFollowing);
  etcd.put("/another/application", "x");
  const { revision } = etcd;
  await until(() => etcd.watchCount === 8);
  const lists = etcd.ranges.length;
  await until(() => state().length === 8);
  // The third answer to each watch: the first has been read by then.
  const answered = etcd.progressAnswers;
  await until(() => etcd.progressAnswers >= answered + 3 * 8);
  etcd.compact();
  const before = etcd.begun.length;
  etcd.breakConnections();
  await until(() => etcd.begun.length === before + 8 && isFollowing());
  expect(etcd.begun.at(-1)?.startRevision).toBe(revision + 1);
  expect(etcd.ranges.length).toBe(lists);
});

test("[DIR11] a silent member and one without a leader are left for the next", async () => {
  const other = new FakeEtcd();
  await other.start();
  etcd.put(key("a"), pod("10.20.0.1"));
  other.put(key("a"), pod("10.20.0.1"));
  start({ endpoints: [etcd.endpoint, other.endpoint] }, 20);
  await until(() => isFollowing() && etcd.watchCount === 8);
  etcd.isMute = true;
  await until(() => other.watchCount === 8);
  other.loseLeader();
  etcd.isMute = false;
  await until(() => etcd.watchCount === 8 && isFollowing());
  expect(ips()).toEqual(["10.20.0.1"]);
  await source?.stop();
  await other.stop();
});

test("[DIR11] a token that has expired is asked for again; a wrong password is told without it", async () => {
  etcd.user = { name: "u", password: "right" };
  etcd.put(key("a"), pod("10.20.0.1"));
  let password = "wrong-secret";
  source = new EtcdSource({
    access: () =>
      Promise.resolve({ ...NOBODY, endpoints: [etcd.endpoint], username: "u", password }),
    random: () => 0.99,
  });
  source.start(seen);
  await until(() => state().every((one) => one === "failing"));
  expect(reasons()).toContain("authentication failed");
  expect(reasons()).not.toContain(password);
  password = "right";
  await until(isFollowing);
  etcd.expireTokens();
  etcd.breakConnections();
  etcd.put(key("b"), pod("10.20.0.2"), true);
  await until(() => ips().length === 2);
});

test("[DIR11] a prefix that the user may not read costs the others nothing, and is asked for again", async () => {
  etcd.denied.add(`${R}/nodes/`);
  etcd.put(key("a"), pod("10.20.0.1"));
  etcd.put(`${R}/nodes/n`, { spec: {} });
  start();
  await until(() => ips().length === 1 && state().includes("following"));
  await until(() => reasons().includes("permission denied"));
  expect(reasons()).toContain(`${R}/nodes/`);
  expect(seen.listedCount).toBe(0);
  etcd.denied.clear();
  await until(() => seen.listedCount > 0 && isFollowing());
});

test("[DIR11] a revision that comes in parts is whole before it is a position", async () => {
  start();
  await until(isFollowing);
  etcd.sendFragments(key("p").replace("-eth0", "-eth"), pod("10.20.0.1"), pod("10.20.0.2"));
  await until(() => ips().length === 2);
});

test("[DIR11] what is no etcd, and what is not there, is told by name", async () => {
  start({ endpoints: ["http://127.0.0.1:1"] });
  await until(() => reasons().includes("127.0.0.1:1"));
  expect(state()).toContain("failing");
});

test("[DIR11] progress is a position only where the version tells it truly", () => {
  const versions = ["3.6.8", "3.5.8", "3.4.25", "4.0.0", "3.5.7", "3.4.23", "3.3.9", ""];
  expect(versions.map(tellsProgressTruly)).toEqual([
    true,
    true,
    true,
    true,
    false,
    false,
    false,
    false,
  ]);
});
