/** A direct remote beside its local cluster: overlap, identity, what is forbidden. */
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { afterEach, assert, beforeEach, expect, test } from "vitest";

import { APP, DB, DirectRig, fill, until } from "../../support/direct-rig.ts";
import { makeAuthority } from "../../support/certificates.ts";
import { tlsBefore } from "../../support/tls-relay.ts";
import type { TlsRelay } from "../../support/tls-relay.ts";
import { FakeApiServer } from "../source/fake-api-server.ts";

let rig: DirectRig;
let db: FakeApiServer;

beforeEach(async () => {
  rig = new DirectRig();
  db = new FakeApiServer();
  await db.start();
});

afterEach(async () => {
  await rig.end();
  await db.stop();
});

const spec = () => ({ datastoreType: "kubernetes", kubeconfig: db.kubeconfig });

test("[DIR9] a remote that is this cluster itself is refused, and nothing of it is served", async () => {
  fill(db, APP);
  await rig.start({ rccInsecureTls: true });
  rig.apply("me", spec());
  await until(() => rig.status("me") === 5);
  expect(rig.condition("me", "Configured").reason).toBe("LocalCluster");
  expect(rig.served("me").size).toBe(0);
});

/** A kubeconfig of the server behind a port, with the authority that it names. */
function kubeconfigOf(port: number, ca: string): string {
  const data = { "certificate-authority-data": Buffer.from(ca).toString("base64") };
  const cluster = { server: `https://127.0.0.1:${port}`, ...data };
  return JSON.stringify({
    "current-context": "c",
    contexts: [{ name: "c", context: { cluster: "c", user: "u" } }],
    clusters: [{ name: "c", cluster }],
    users: [{ name: "u", user: { token: "t" } }],
  });
}

/** Of a server that does not say its ClusterGUID, and has this address of its first Service. */
function withoutGuid(server: FakeApiServer, clusterIP: string): void {
  server.fault = ({ path }) => {
    const isService = path === "/api/v1/namespaces/default/services/kubernetes";
    if (!isService && !path.includes("/clusterinformations")) return undefined;
    const body = isService ? { spec: { clusterIP } } : { kind: "Status", message: "forbidden" };
    return { kind: "answer", status: isService ? 200 : 403, body: JSON.stringify(body) };
  };
}

test("[DIR9] where no GUID says it, the same authority and range of Services do; another range is another cluster", async () => {
  const authority = makeAuthority("of-both");
  const other = new FakeApiServer();
  await other.start();
  const [me, further] = await Promise.all(
    [db, other].map(async ({ port }) => tlsBefore(port, authority.issue("127.0.0.1"))),
  );
  assert(me !== undefined && further !== undefined);
  fill(db, APP);
  fill(other, DB);
  withoutGuid(db, "10.96.0.1");
  withoutGuid(other, "10.97.0.1");
  const inline = ({ port }: TlsRelay) => ({
    datastoreType: "kubernetes",
    kubeconfigInline: kubeconfigOf(port, authority.cert),
  });
  const kubeconfig = join(rig.dir, "own.kubeconfig");
  writeFileSync(kubeconfig, kubeconfigOf(me.port, authority.cert));
  await rig.start({ kubeconfig });
  rig.apply("me", inline(me));
  rig.apply("further", inline(further));
  await until(() => rig.condition("me", "Configured").reason === "LocalCluster");
  expect(rig.condition("me", "Configured").message).toContain("the same authority");
  await until(() => rig.served("me").size === 0 && rig.status("me") === 5);
  await until(() => rig.status("further") === 2);
  expect(rig.condition("further", "Configured").reason).toBe("Valid");
  expect(rig.served("further").size).toBeGreaterThan(10);
  await Promise.all([me.stop(), further.stop(), other.stop()]);
});

test("[DIR7] [DIR9] where its ClusterGUID may not be read, this cluster's own pools are refused by name, with their endpoints", async () => {
  fill(db, APP);
  db.fault = ({ path }) =>
    path.includes("/clusterinformations")
      ? {
          kind: "answer",
          status: 403,
          body: JSON.stringify({ kind: "Status", message: "clusterinformations is forbidden" }),
        }
      : undefined;
  await rig.start({ rccInsecureTls: true });
  rig.apply("me", spec());
  await until(() => rig.condition("me", "Admitted").reason === "RangeRefused");
  expect(rig.condition("me", "Admitted").message).toContain("of this cluster");
  const served = [...rig.served("me").values()].map((record) => JSON.stringify(record));
  expect(served.filter((text) => text.includes("Endpoint"))).toEqual([]);
});

test("[DIR7] a pool that overlaps a local one is refused by name, with its endpoints", async () => {
  fill(db, DB);
  const own = join(rig.dir, "own");
  mkdirSync(own);
  cpSync(APP, own, { recursive: true });
  const pool = { apiVersion: "projectcalico.org/v3", kind: "IPPool", metadata: { name: "other" } };
  writeFileSync(join(own, "o.json"), JSON.stringify({ ...pool, spec: { cidr: "10.20.0.0/20" } }));
  await rig.start({ own, rccInsecureTls: true });
  rig.apply("db", spec());
  await until(() => rig.status("db") === 2);
  expect(rig.condition("db", "Admitted").reason).toBe("RangeRefused");
  expect(rig.condition("db", "Admitted").message).toContain(
    "10.20.0.0/16 overlaps 10.20.0.0/20 of this cluster",
  );
  const v4 = [...rig.served("db").values()].filter((record) =>
    JSON.stringify(record).includes('"10.20.'),
  );
  expect(v4.filter((record) => JSON.stringify(record).includes("Endpoint"))).toEqual([]);
});

test("[DIR8] a collection that is forbidden costs the others nothing, and names the ClusterRole", async () => {
  fill(db, DB);
  db.fault = ({ path }) =>
    path.endsWith("/hostendpoints")
      ? {
          kind: "answer",
          status: 403,
          body: JSON.stringify({
            kind: "Status",
            message: 'hostendpoints is forbidden: User "x" cannot list resource "hostendpoints"',
          }),
        }
      : undefined;
  await rig.start({ rccInsecureTls: true });
  rig.apply("db", { ...spec(), syncOptions: { overlayRoutingMode: "Enabled" } });
  await until(() => rig.served("db").size > 10);
  await until(() => rig.status("db") === 2);
  expect(rig.condition("db", "Complete").reason).toBe("Forbidden");
  const { message } = rig.condition("db", "Complete");
  expect(message).toContain('cannot list resource "hostendpoints"');
  expect(message).toContain("catwalk rbac remote");
  expect(rig.condition("db", "OverlayEstablished").reason).toBe("OtherSideUnknown");
  db.fault = null;
  await until(() => rig.condition("db", "Complete").reason === "AllListed");
  await until(() => rig.status("db") === 2);
  expect(rig.report("db")?.conditions.every(({ since }) => Date.parse(since) > 0)).toBe(true);
});

test("[DIR2] an RCC that lacks a field is status 5 and names it; once it is complete it is read", async () => {
  fill(db, DB);
  await rig.start({ rccInsecureTls: true });
  rig.apply("db", { datastoreType: "etcdv3", etcdUsername: "u" });
  await until(() => rig.condition("db", "Configured").reason === "ConfigInComplete");
  const { message } = rig.condition("db", "Configured");
  expect(message).toContain("spec.etcdEndpoints");
  expect(message).toContain("spec.etcdPassword");
  expect(rig.status("db")).toBe(5);
  rig.apply("db", spec());
  await until(() => rig.status("db") === 2);
});
