/** Two clusters without a hub: a folder of RCCs, and what a relay reads by them. */
import { renameSync } from "node:fs";

import { afterEach, beforeEach, expect, onTestFinished, test } from "vitest";

import { DB, DirectRig, fill, objectsOf, until } from "../../support/direct-rig.ts";
import { FakeApiServer } from "../source/fake-api-server.ts";
import type { FakeObject } from "../source/fake-api-server.ts";

let rig: DirectRig;
let db: FakeApiServer;

beforeEach(async () => {
  rig = new DirectRig();
  db = new FakeApiServer();
  await db.start();
  fill(db, DB);
});

afterEach(async () => {
  await rig.end();
  await db.stop();
});

const insecure = { rccInsecureTls: true };
const spec = () => ({ datastoreType: "kubernetes", kubeconfig: db.kubeconfig });

test("[DIR5] a remote's API server is read, admitted, kept on disk and served without a hub", async () => {
  await rig.start(insecure);
  rig.apply("db", spec());
  await until(() => rig.status("db") === 2);
  const served = [...rig.served("db").keys()];
  expect(served.some((key) => key.includes("postgres"))).toBe(true);
  expect(rig.log).toContain("Sending in-sync update");
  expect(rig.report("db")?.ranges.pods).toEqual(["10.20.0.0/16", "fd00:20::/64"]);
  const metrics = await (await fetch(`${rig.url}/metrics`)).text();
  expect(metrics).toContain('remote_cluster_connection_status{remote_cluster_name="db"} 2');
  // One watch a collection: what it costs the remote.
  expect(db.watchCount).toBeLessThanOrEqual(7);
});

test("[DIR5] a relay that starts anew serves what it had, and tells no deletion", async () => {
  await rig.start(insecure);
  rig.apply("db", spec());
  await until(() => rig.status("db") === 2);
  const before = [...rig.served("db").keys()].toSorted();
  await rig.stop();
  const relay = await rig.start(insecure);
  const deleted: string[] = [];
  relay.remotes.subscribe((changes) => {
    for (const { op, held } of changes) if (op === "delete") deleted.push(held.key);
  });
  await until(() => rig.status("db") === 2);
  expect([...rig.served("db").keys()].toSorted()).toEqual(before);
  expect(deleted).toEqual([]);
});

test("[DIR1] an RCC that is taken away is withdrawn, with all that was kept of it", async () => {
  await rig.start(insecure);
  rig.apply("db", spec());
  await until(() => rig.status("db") === 2);
  rig.remove("db");
  await until(() => rig.status("db") === undefined);
  expect(rig.served("db").size).toBe(0);
  await until(() => db.watchCount === 0);
});

test("[DIR1] a folder that goes away costs nothing", async () => {
  await rig.start(insecure);
  rig.apply("db", spec());
  await until(() => rig.status("db") === 2);
  // At once, as a mount goes: what is deleted file by file is deleted.
  renameSync(rig.rccs, `${rig.rccs}-gone`);
  await until(() => (rig.relay.status().direct?.problem ?? "") !== "");
  expect(rig.status("db")).toBe(2);
});

test("[DIR16] an RCC that reaches another cluster now holds nothing of the one before, however much it was", async () => {
  await rig.start(insecure);
  for (let n = 0; n < 80; n++) db.put("/api/v1/pods", podOf(`many-${n}`, `10.20.1.${n + 20}`));
  rig.apply("db", spec());
  await until(() => rig.status("db") === 2 && rig.served("db").size > 80);
  const other = new FakeApiServer();
  await other.start();
  onTestFinished(() => other.stop());
  fill(other, DB);
  const [info] = objectsOf(DB).filter(({ object }) => object.kind === "ClusterInformation");
  if (info === undefined) throw new Error("the demo has no ClusterInformation");
  other.put(info.path, { ...info.object, spec: { clusterGUID: "f".repeat(32) } });
  rig.apply("db", { datastoreType: "kubernetes", kubeconfig: other.kubeconfig });
  await until(() => ![...rig.served("db").keys()].some((key) => key.includes("many-")));
  await until(() => rig.status("db") === 2);
  expect(rig.log).toContain("the remote is another cluster now");
});

function podOf(name: string, ip: string): FakeObject {
  const [pod] = objectsOf(DB).filter(({ object }) => object.metadata.name === "postgres-0");
  if (pod === undefined) throw new Error("the demo has no postgres-0");
  const { object } = pod;
  const status = { ...(object["status"] as object), podIP: ip, podIPs: [{ ip }] };
  return { ...object, metadata: { ...object.metadata, name, annotations: {} }, status };
}
