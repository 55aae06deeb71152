/**
 * `labels: prefixed` and NAT exemption, from the RCC's annotation to a Felix's stream, with real
 * processes.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { MeshRig } from "../support/mesh-rig.ts";
import { startFakeTypha, SyncClient } from "../support/typha.ts";
import type { FakeTypha } from "../support/typha.ts";

const rig = new MeshRig();
let typha: FakeTypha;
let felix: SyncClient;

beforeAll(async () => {
  typha = await startFakeTypha(
    readFileSync(join(import.meta.dirname, "../fixtures/golden/typha/b1-felix-plain.s2c.bin")),
  );
  const splice = ["--typha-upstream", typha.address, "--typha-listen", "127.0.0.1:0"];
  const app = await rig.startDemo(...splice);
  felix = new SyncClient(app.typhaPort ?? 0);
  await felix.until("in-sync and the remote", () => felix.hasSync && felix.kvs.has(POD));
});

afterAll(async () => {
  felix.close();
  await typha.close();
  await rig.stop();
});

const POD = "/calico/v1/host/db_node-1/workload/k8s/shop%2fpostgres-0/endpoint/eth0";
const NAMESPACE = "/calico/resources/v3/projectcalico.org/profiles/db_kns.analytics";
const POOL = "/calico/v1/ipam/v4/pool/10.20.0.0-16";

function labelsOf(key: string): unknown {
  const value = JSON.parse(felix.kvs.get(key) ?? "{}") as {
    readonly labels?: unknown;
    readonly spec?: { readonly labelsToApply: unknown };
  };
  return value.labels ?? value.spec?.labelsToApply;
}

async function apply(annotations: string): Promise<void> {
  const file = join(rig.root, "rcc.yaml");
  writeFileSync(
    file,
    `apiVersion: projectcalico.org/v3\nkind: RemoteClusterConfiguration\nmetadata: { name: db, annotations: ${annotations} }\n`,
  );
  const applied = await rig.catwalk("rcc", "apply", "-f", file, "--cluster", "app");
  expect([applied.status, applied.err]).toEqual([0, ""]);
}

test("[TYP20] the remote's pools reach a Felix without any mode, so that traffic to its pods keeps its source address", async () => {
  await felix.until("the pool", () => felix.kvs.has(POOL));
  expect(JSON.parse(felix.kvs.get(POOL) ?? "{}")).toMatchObject({
    cidr: "10.20.0.0/16",
    vxlan_mode: "",
    ipip_mode: "",
    masquerade: false,
    disabled: true,
  });
});

test("[TYP22] switched on for a live RCC, labels get the remote's name by puts only; switched off, they are as before", async () => {
  const before = labelsOf(POD);
  expect(before).toMatchObject({ role: "postgres", "projectcalico.org/namespace": "shop" });
  const keys = new Set(felix.kvs.keys());
  await apply('{ "catwalk.dev/labels": prefixed }');
  await felix.until(
    "prefixed labels",
    () => JSON.stringify(labelsOf(POD)) !== JSON.stringify(before),
    20_000,
  );
  expect(labelsOf(POD)).toEqual({
    "db.catwalk.dev/role": "postgres",
    "projectcalico.org.db.catwalk.dev/serviceaccount": "postgres",
    "catwalk.dev/cluster": "db",
  });
  await felix.until(
    "the namespace's",
    () => JSON.stringify(labelsOf(NAMESPACE) ?? {}).includes("db.catwalk.dev/pcns.tier"),
    20_000,
  );
  const evaluated = await rig.catwalk(
    "eval",
    "db.catwalk.dev/pcns.tier == 'data'",
    "--cluster",
    "app",
  );
  expect(evaluated.out).toMatch(/Workload endpoint db\/node-2\/k8s\/analytics\.reports-0\/eth0/);
  const applied = await rig.catwalk("eval", "role == 'postgres'", "--relay", rig.relay("app").url);
  expect(applied.out).not.toMatch(/ db\//);
  await apply("{}");
  await felix.until(
    "the old labels",
    () => JSON.stringify(labelsOf(POD)) === JSON.stringify(before),
    20_000,
  );
  expect(new Set(felix.kvs.keys())).toEqual(keys);
  // The recorded Typha deletes keys of its own.
  expect(felix.deleted.filter((key) => key.includes("/db_"))).toEqual([]);
});
