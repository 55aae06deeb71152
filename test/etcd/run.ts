/**
 * A relay without a hub and a remote whose datastore is a real etcd of three members, with TLS,
 * users, short tokens and small compaction; each member is killed once, the leader among them.
 * `node test/etcd/run.ts`. Needs Go. About two minutes. [DIR10] [DIR11]
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { writeFileSync } from "node:fs";

import { DirectRig, until } from "../support/direct-rig.ts";
import { makeAuthority } from "../support/certificates.ts";
import { Suite } from "../interop/suite.ts";
import { checkDocuments } from "./documents.ts";
import { buildEtcd, Members, READER } from "./members.ts";

const R = "/calico/resources/v3/projectcalico.org";
const PODS = 5_000;
const WAIT_MS = 60_000;

buildEtcd();
const suite = new Suite();
const members = new Members();
const rig = new DirectRig();

/** Fails by itself: no runner has a limit here. */
async function within(what: string, condition: () => boolean): Promise<void> {
  const late = AbortSignal.timeout(WAIT_MS);
  await until(() => condition() || late.aborted);
  assert.ok(condition(), `${what}: ${JSON.stringify(rig.report("db")?.conditions)}`);
}

const key = (i: number): string => `${R}/workloadendpoints/shop/node--a-k8s-web--${i}-eth0`;
const ip = (i: number): string => `10.20.${i >> 8}.${i & 255}`;
const pod = (i: number, labels: object = {}) => ({
  kind: "WorkloadEndpoint",
  apiVersion: "projectcalico.org/v3",
  metadata: { name: `web-${i}`, namespace: "shop", labels },
  spec: { node: "node-a", orchestrator: "k8s", pod: `web-${i}`, ipNetworks: [`${ip(i)}/32`] },
});
const endpoints = (): number =>
  rig.relay.remotes.reports().find(({ rcc }) => rcc === "db")?.endpoints ?? 0;
const isInSync = (): boolean => rig.status("db") === 2;

const spec = (change: object = {}) => ({
  datastoreType: "etcdv3",
  etcdEndpoints: members.endpoints.join(","),
  etcdUsername: READER.name,
  etcdPassword: READER.password,
  etcdCACert: members.ca,
  ...change,
});

let pods = PODS;
let next = PODS;
const deleted: string[] = [];

async function addPod(): Promise<void> {
  await members.put(key(next), pod(next));
  next++;
  pods++;
}

try {
  await members.start();
  await members.put(`${R}/ippools/p`, { spec: { cidr: "10.20.0.0/16", vxlanMode: "Always" } });
  await members.put(`${R}/hostendpoints/other`, "of another application");
  for (let i = 0; i < PODS; i += 50)
    await Promise.all(Array.from({ length: 50 }, (_, j) => members.put(key(i + j), pod(i + j))));
  await members.enableAuth();
  await rig.start();

  await suite.check("a wrong password is told, and nothing of it", async () => {
    rig.apply("db", spec({ etcdPassword: "wrong-planted" }));
    await within("told", () =>
      rig.condition("db", "Connected").message.includes("authentication failed"),
    );
    assert.ok(!rig.log.includes("wrong-planted"));
  });
  await suite.check("another authority's certificate is refused", async () => {
    rig.apply("db", spec({ etcdCACert: makeAuthority("other").cert }));
    await within("told", () => /certificate/.test(rig.condition("db", "Connected").message));
  });
  await suite.check("5,000 endpoints are read in pages, and in sync", async () => {
    rig.apply("db", spec());
    await within("in sync", () => isInSync() && endpoints() === pods);
  });
  rig.relay.remotes.subscribe((changes) => {
    for (const { op, held } of changes) if (op === "delete") deleted.push(held.key);
  });
  await suite.check("changes arrive behind tokens that have expired", async () => {
    await members.untilTokensExpire();
    await addPod();
    await within("arrived", () => endpoints() === pods);
  });
  for (const i of [0, 1, 2])
    await suite.check(`member ${i} is killed: changes arrive, nothing is deleted`, async () => {
      await members.killMember(i);
      await addPod();
      await within("arrived", () => endpoints() === pods && isInSync());
      await members.startMember(i);
      assert.deepEqual(deleted, []);
    });
  await suite.check("what was deleted while nobody listened goes after compaction", async () => {
    await rig.stop();
    await members.delete(key(0));
    await members.delete(`${R}/hostendpoints/other`);
    await members.untilCompacted();
    await rig.start();
    pods--;
    await within("gone", () => endpoints() === pods && isInSync());
  });
  await suite.check("a changed password, and an authority from a file, reconnect", async () => {
    const file = join(rig.dir, "ca.pem");
    writeFileSync(file, members.ca);
    await members.changePassword(READER.name, "new-password");
    rig.apply("db", {
      ...spec({ etcdPassword: "new-password" }),
      etcdCACert: undefined,
      etcdCACertFile: file,
    });
    await addPod();
    await within("arrived", () => endpoints() === pods && isInSync());
  });
} finally {
  await rig.end();
  members.stop();
}
const documented = checkDocuments();
if (documented === null)
  process.stdout.write("skip the documentation's RCCs: this account may make no network\n");
else
  await suite.check("the documentation's RCCs (above)", () => {
    assert.ok(documented);
  });
process.stdout.write(`${suite.passed} passed, ${suite.failed} failed\n`);
process.exit(suite.failed === 0 ? 0 : 1);
