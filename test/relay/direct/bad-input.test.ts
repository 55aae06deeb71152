/** Remotes that are reached wrongly, and RCCs that change at the wrong moment. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

import { afterEach, beforeEach, expect, test } from "vitest";

import { makeAuthority } from "../../support/certificates.ts";
import { DB, DirectRig, fill, until } from "../../support/direct-rig.ts";
import { FakeEtcd } from "../../support/fake-etcd.ts";
import { tlsBefore } from "../../support/tls-relay.ts";
import { FakeApiServer } from "../source/fake-api-server.ts";

let rig: DirectRig;
let db: FakeApiServer;
let etcd: FakeEtcd;
const ending: (() => Promise<unknown>)[] = [];

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
  for (const end of ending.splice(0)) await end();
  await db.stop();
  await etcd.stop();
});

const insecure = { rccInsecureTls: true };
const portOf = (url: string): number => Number(new URL(url).port);

/** An inline kubeconfig, as a Secret brings it. */
function kubeconfigInline(port: number, ca: string): string {
  const data = Buffer.from(ca).toString("base64");
  return JSON.stringify({
    "current-context": "c",
    contexts: [{ name: "c", context: { cluster: "c", user: "u" } }],
    clusters: [
      {
        name: "c",
        cluster: { server: `https://127.0.0.1:${port}`, "certificate-authority-data": data },
      },
    ],
    users: [{ name: "u", user: { token: "t" } }],
  });
}

const connected = () => rig.condition("db", "Connected");

test("[DIR8] a wrong authority, an expired certificate and a plain port are told, and mended without a restart", async () => {
  const authority = makeAuthority("remote");
  const plain = db.port;
  const good = await tlsBefore(plain, authority.issue("127.0.0.1"));
  const expired = await tlsBefore(plain, authority.issueExpired("127.0.0.1"));
  ending.push(good.stop, expired.stop);
  await rig.start();
  const apply = (port: number, ca: string): void =>
    rig.apply("db", {
      datastoreType: "kubernetes",
      kubeconfigInline: kubeconfigInline(port, ca),
    });
  apply(good.port, makeAuthority("other").cert);
  await until(() => /certificate|signature/.test(connected().message));
  apply(expired.port, authority.cert);
  await until(() => connected().message.includes("expired"));
  apply(plain, authority.cert);
  await until(() => /wrong version|packet length|SSL|EPROTO/.test(connected().message));
  expect(connected().reason).toBe("Failing");
  apply(good.port, authority.cert.replaceAll("\n", "\r\n"));
  await until(() => rig.status("db") === 2);
});

test("[DIR8] an address where nobody is, and a server that is no API server, are told by what they say", async () => {
  const web = createServer((_request, response) => response.end("<html>hello</html>"));
  await new Promise<void>((resolve) => {
    web.listen(0, "127.0.0.1", resolve);
  });
  ending.push(async () => {
    web.closeAllConnections();
    await new Promise((resolve) => web.close(resolve));
  });
  const { port } = web.address() as AddressInfo;
  await rig.start();
  const apply = (k8sAPIEndpoint: string): void =>
    rig.apply("db", { datastoreType: "kubernetes", k8sAPIEndpoint });
  apply("http://127.0.0.1:1");
  await until(() => connected().message.includes("ECONNREFUSED"));
  apply(`http://127.0.0.1:${port}`);
  await until(() => /not a list|is no list|JSON/.test(connected().message));
  rig.apply("db", { datastoreType: "etcdv3", etcdEndpoints: `http://127.0.0.1:${port}` });
  await until(() => connected().message.includes(`127.0.0.1:${port}`));
  expect(rig.log).not.toContain("Sending in-sync update");
});

test("[DIR10] an etcd behind TLS, by PEM with Windows' line ends; another application's keys are nothing", async () => {
  const authority = makeAuthority("etcd");
  const front = await tlsBefore(portOf(etcd.endpoint), authority.issue("127.0.0.1"), ["h2"]);
  ending.push(front.stop);
  etcd.put("/registry/pods/default/web", "k8s\u0000binary");
  etcd.put("/calico/ipam/v2/handle/k8s-pod-network.1", "{}");
  await rig.start();
  rig.apply("db", {
    datastoreType: "etcdv3",
    etcdEndpoints: `https://127.0.0.1:${front.port}`,
    etcdCACert: authority.cert.replaceAll("\n", "\r\n"),
  });
  await until(() => rig.status("db") === 2);
  expect(rig.served("db").size).toBe(0);
  expect(rig.report("db")?.source?.problems).toEqual([]);
});

test("[DIR1] an RCC that is deleted, or changed, in the middle of a first list leaves nothing behind", async () => {
  db.pageSize = 2;
  let lists = 0;
  db.fault = ({ path, isWatch }) =>
    path.endsWith("/pods") && !isWatch && ++lists > 2 ? { kind: "hang" } : undefined;
  await rig.start(insecure);
  const spec = { datastoreType: "kubernetes", kubeconfig: db.kubeconfig };
  rig.apply("db", spec);
  await until(() => lists > 2);
  rig.remove("db");
  await until(() => rig.status("db") === undefined && db.watchCount === 0);
  expect(rig.served("db").size).toBe(0);
  lists = 0;
  rig.apply("db", spec);
  await until(() => lists > 2);
  const R = "/calico/resources/v3/projectcalico.org";
  etcd.put(`${R}/ippools/p`, { spec: { cidr: "10.30.0.0/16" } });
  etcd.put(`${R}/workloadendpoints/shop/node--a-k8s-only-eth0`, {
    metadata: { name: "x", namespace: "shop" },
    spec: { node: "node-a", orchestrator: "k8s", ipNetworks: ["10.30.0.1/32"] },
  });
  rig.apply("db", { datastoreType: "etcdv3", etcdEndpoints: etcd.endpoint });
  await until(() => rig.status("db") === 2);
  const endpoints = [...rig.served("db").keys()].filter((key) => key.includes("/workload/"));
  expect(endpoints).toEqual(["/calico/v1/host/node-a/workload/k8s/shop%2fonly/endpoint/eth0"]);
  await until(() => db.watchCount === 0);
});
