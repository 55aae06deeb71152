/** Federated Services from a YAML file of one cluster to the slices of another, as processes. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { servicesSchema } from "../../shared/api/services.ts";
import type { ServiceReport } from "../../shared/api/services.ts";
import { eventually, MeshRig } from "../support/mesh-rig.ts";

const rig = new MeshRig();
let relay = "";

beforeAll(async () => {
  relay = (await rig.startDemo()).url;
});

afterAll(async () => {
  await rig.stop();
});

const ALL = "WorkloadEndpoint,HostEndpoint,IPPool,Node,IPAMBlock";

async function report(): Promise<ServiceReport | undefined> {
  const answer = await rig.catwalk("services", "--relay", relay, "-o", "json");
  const { items } = servicesSchema.omit({ cluster: true }).parse(JSON.parse(answer.out));
  return items[0];
}

/** `cluster ready/notReady` of each source cluster. */
async function filled(): Promise<string> {
  const clusters = (await report())?.clusters ?? [];
  return clusters.map((from) => `${from.cluster} ${from.ready}/${from.notReady}`).join(", ");
}

async function until(text: string): Promise<void> {
  await eventually(filled, (now) => now === text);
}

test("[SVC1] a grant that names no Services shows none; one that does shows them, and the federated Service is filled", async () => {
  await until("app 0/0, db 0/0");
  await rig.catwalk("grant", "apply", "--cluster", "db", "--to", "app", "--kind", `${ALL},Service`);
  await until("app 0/0, db 1/0");
  const [slice] = (await report())?.slices ?? [];
  expect(slice).toMatchObject({
    metadata: {
      namespace: "shop",
      labels: {
        "kubernetes.io/service-name": "db",
        "endpointslice.kubernetes.io/managed-by": "services.catwalk.dev",
        "multicluster.kubernetes.io/source-cluster": "db",
      },
    },
    addressType: "IPv4",
    ports: [{ name: "postgres", port: 5432, protocol: "TCP" }],
    endpoints: [
      {
        addresses: ["10.20.1.7"],
        conditions: { ready: true, serving: true, terminating: false },
        targetRef: { kind: "Pod", namespace: "shop", name: "db/postgres-0" },
      },
    ],
  });
  expect(JSON.stringify(slice)).not.toContain("nodeName");
});

test("[SVC40] the slices follow the file of the other cluster", async () => {
  const file = join(rig.folder("db"), "services.yaml");
  const before = readFileSync(file, "utf8");
  writeFileSync(file, before.replace("{ ready: true }", "{ ready: false }"));
  await until("app 0/0, db 0/1");
  writeFileSync(file, `${before}  - addresses: [10.20.2.7]\n`);
  await until("app 0/0, db 2/0");
  const shown = await rig.catwalk("services", "shop/db", "--relay", relay);
  expect(shown.out).toMatch(/^shop\/db +db +postgres +ok +2 +0 +0 +- +Shown$/m);
  expect(shown.out).toMatch(/^ {2}10\.20\.1\.7 +ready +db\/postgres-0$/m);
});

test("[SVC5] an address that is not the origin's own is quarantined by Service and address", async () => {
  const file = join(rig.folder("db"), "services.yaml");
  writeFileSync(file, `${readFileSync(file, "utf8")}  - addresses: [10.10.1.5]\n`);
  await eventually(
    async () => (await rig.catwalk("quarantine", "list", "--cluster", "db")).out,
    (held) => held.includes("shop/postgres 10.10.1.5"),
  );
  await until("app 0/0, db 2/0");
});

test("[SVC1] the grant without Services again: what they filled leaves at once", async () => {
  await rig.catwalk("grant", "apply", "--cluster", "db", "--to", "app", "--kind", ALL);
  await until("app 0/0, db 0/0");
});
