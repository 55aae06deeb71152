/** A remote of which the account may not list everything. */
import { afterEach, beforeEach, expect, test } from "vitest";

import { DB, DirectRig, fill, until } from "../../support/direct-rig.ts";
import { FakeEtcd } from "../../support/fake-etcd.ts";
import { FakeApiServer } from "../source/fake-api-server.ts";

let rig: DirectRig;
let db: FakeApiServer;
let etcd: FakeEtcd;

beforeEach(async () => {
  rig = new DirectRig();
  db = new FakeApiServer();
  etcd = new FakeEtcd();
  await db.start();
  await etcd.start();
  fill(db, DB);
});

afterEach(async () => {
  await rig.end();
  await db.stop();
  await etcd.stop();
});

const insecure = { rccInsecureTls: true };
const spec = (more: object = {}) => ({
  datastoreType: "kubernetes",
  kubeconfig: db.kubeconfig,
  ...more,
});

/** As an API server says it. */
function forbid(...plurals: readonly string[]): void {
  db.fault = ({ path }) => {
    const plural = plurals.find((one) => path.endsWith(`/${one}`));
    if (plural === undefined) return undefined;
    const message = `${plural} is forbidden: User "system:serviceaccount:kube-system:catwalk-remote" cannot list resource "${plural}" in API group "" at the cluster scope`;
    return { kind: "answer", status: 403, body: JSON.stringify({ kind: "Status", message }) };
  };
}

const endpoints = (): string[] =>
  [...rig.served("db").keys()].filter((key) => key.includes("/workload/"));

test("[DIR14] a forbidden collection costs itself: the others come in sync, verb, resource and role are told", async () => {
  forbid("serviceaccounts");
  await rig.start(insecure);
  rig.apply("db", spec());
  await until(() => rig.status("db") === 2);
  expect(endpoints().length).toBeGreaterThan(0);
  const { reason, message } = rig.condition("db", "Complete");
  expect(reason).toBe("Forbidden");
  expect(message).toContain('cannot list resource "serviceaccounts"');
  expect(message).toContain("catwalk rbac remote");
  expect(rig.condition("db", "Connected").reason).toBe("Following");
  await until(() => rig.log.includes("Sending in-sync update"));
});

test("[DIR14] what may be listed later comes, and is complete", async () => {
  forbid("pods");
  await rig.start(insecure);
  rig.apply("db", spec());
  await until(() => rig.status("db") === 2);
  expect(endpoints()).toEqual([]);
  db.fault = null;
  await until(
    () => endpoints().length > 0 && rig.condition("db", "Complete").reason === "AllListed",
  );
  await until(() => rig.status("db") === 2);
});

test("[DIR14] what is known of a collection stays when it is forbidden, and is not said to be in sync", async () => {
  await rig.start(insecure);
  rig.apply("db", spec());
  await until(() => rig.status("db") === 2);
  const before = endpoints();
  await rig.stop();
  forbid("pods");
  await rig.start(insecure);
  await until(() => rig.condition("db", "Complete").reason === "Forbidden");
  await until(() => rig.condition("db", "Connected").reason === "Following");
  expect(endpoints()).toEqual(before);
  expect(rig.status("db")).toBe(3);
  expect(rig.relay.status().withdrawals).toEqual([]);
  db.fault = null;
  await until(() => rig.status("db") === 2);
  expect(endpoints()).toEqual(before);
});

test("[DIR14] an account that may list nothing is never in sync", async () => {
  db.fault = ({ path }) =>
    path === "/apis" ? undefined : { kind: "answer", status: 403, body: '{"message":"no"}' };
  await rig.start(insecure);
  rig.apply("db", spec());
  await until(() => rig.condition("db", "Connected").reason === "Forbidden");
  expect(rig.log).not.toContain("Sending in-sync update");
  expect(rig.status("db")).not.toBe(2);
});

test("[DIR14] a prefix of etcd that the user may not read costs itself", async () => {
  const R = "/calico/resources/v3/projectcalico.org";
  etcd.put(`${R}/ippools/p`, { spec: { cidr: "10.20.0.0/16" } });
  etcd.put(`${R}/workloadendpoints/shop/node--a-k8s-web-eth0`, {
    metadata: { name: "x", namespace: "shop" },
    spec: { node: "node-a", orchestrator: "k8s", ipNetworks: ["10.20.0.1/32"] },
  });
  etcd.denied.add(`${R}/hostendpoints/`);
  await rig.start();
  rig.apply("db", { datastoreType: "etcdv3", etcdEndpoints: etcd.endpoint });
  await until(() => rig.status("db") === 2);
  expect(endpoints()).toHaveLength(1);
  expect(rig.condition("db", "Complete").message).toContain(`may not read ${R}/hostendpoints/`);
});

test("[DIR15] a remote is followed by seven watches, with routes asked for by eight; etcd by one less", async () => {
  await rig.start(insecure);
  rig.apply("db", spec());
  await until(() => rig.status("db") === 2 && db.watchCount === 7);
  expect(db.isWatched("/apis/crd.projectcalico.org/v1/ipamblocks")).toBe(false);
  rig.apply("db", spec({ syncOptions: { overlayRoutingMode: "Enabled" } }));
  await until(() => db.isWatched("/apis/crd.projectcalico.org/v1/ipamblocks"));
  await until(() => rig.status("db") === 2 && db.watchCount === 8);
  expect(db.isWatched("/apis/crd.projectcalico.org/v1/felixconfigurations")).toBe(false);
  const { reason, message } = rig.condition("db", "OverlayEstablished");
  expect([reason, message.includes("no routes are made")]).toEqual(["OtherSideUnknown", true]);
  rig.apply("db", spec());
  await until(() => db.watchCount === 7);
  rig.apply("e", { datastoreType: "etcdv3", etcdEndpoints: etcd.endpoint });
  await until(() => etcd.watchCount === 6);
});

test("[DIR15] blocks of a remote whose RCC asks for no routes any more go at once", async () => {
  await rig.start(insecure);
  db.put("/apis/crd.projectcalico.org/v1/ipamblocks", {
    apiVersion: "crd.projectcalico.org/v1",
    kind: "IPAMBlock",
    metadata: { name: "10-20-0-0-26" },
    spec: { cidr: "10.20.0.0/26", affinity: "host:db-1", allocations: [], attributes: [] },
  });
  rig.apply("db", spec({ syncOptions: { overlayRoutingMode: "Enabled" } }));
  const hasBlock = (): boolean =>
    [...rig.relay.remotes.served()].some(({ held }) => held.record.kind === "IPAMBlock");
  await until(hasBlock);
  rig.apply("db", spec());
  await until(() => !hasBlock() && rig.status("db") === 2);
  expect(rig.relay.status().withdrawals).toEqual([]);
});
