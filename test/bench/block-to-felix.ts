/**
 * A block of addresses that appears in cluster B's real API server until a sync client in Felix's
 * place at A has it, with routes between both; and until a watch of that API server has it, as a
 * Typha of B would.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { parseAllDocuments } from "yaml";

import { createGrant } from "../../shared/api/grants.ts";
import { KubeClient } from "../interop/kube-client.ts";
import { KubeWatch } from "../interop/kube-watch.ts";
import { buildKube, startKube } from "../interop/kube-server.ts";
import type { KubeServer } from "../interop/kube-server.ts";
import { applyCrds } from "../interop/source-golden.ts";
import { MeshRig } from "../support/mesh-rig.ts";
import { startFakeTypha, SyncClient } from "../support/typha.ts";
import { figure, progress, quantile } from "./figure.ts";
import type { Figure } from "./figure.ts";

const BLOCKS = 150;
const STREAM = new URL("../fixtures/golden/typha/b1-felix-plain.s2c.bin", import.meta.url);
const DEMO = new URL("../../deploy/demo/db/cluster.yaml", import.meta.url);
const API = "/apis/crd.projectcalico.org/v1";
const PATHS: Readonly<Record<string, string>> = {
  ClusterInformation: `${API}/clusterinformations`,
  FelixConfiguration: `${API}/felixconfigurations`,
  IPPool: `${API}/ippools`,
  IPAMBlock: `${API}/ipamblocks`,
};

interface Named {
  readonly kind: string;
  readonly metadata: { readonly name: string };
}

/** The demo's cluster, of which a real API server has the Calico objects and nodes. */
async function fill(kube: KubeServer, api: KubeClient): Promise<void> {
  applyCrds(kube, "crd.projectcalico.org/v1");
  for (const document of parseAllDocuments(readFileSync(DEMO, "utf8"))) {
    const object = document.toJS() as Named;
    const path = object.kind === "Node" ? "/api/v1/nodes" : PATHS[object.kind];
    if (path === undefined) continue;
    const apiVersion = object.kind === "Node" ? "v1" : "crd.projectcalico.org/v1";
    await api.send("POST", path, { ...object, apiVersion });
  }
}

/** @param n Of blocks that are in the pool of the demo's cluster. */
function block(n: number): object {
  const cidr = `10.20.${100 + Math.floor(n / 4)}.${(n % 4) * 64}/26`;
  return {
    apiVersion: "crd.projectcalico.org/v1",
    kind: "IPAMBlock",
    metadata: { name: cidr.replaceAll(/[./]/g, "-") },
    spec: { cidr, affinity: "host:node-1", allocations: [], attributes: [], unallocated: [] },
  };
}

async function route(rig: MeshRig, felix: SyncClient): Promise<void> {
  for (const [cluster, remote] of [
    ["app", "db"],
    ["db", "app"],
  ] as const)
    await rig.putRcc(cluster, remote, { syncOptions: { overlayRoutingMode: "Enabled" } });
  const params = { mesh: "demo" };
  await rig.call(createGrant, { params, body: { origin: "app", reader: "db" } });
  const first = "/calico/ipam/v2/assignment/ipv4/block/10.20.1.0-26";
  await felix.until("routes", () => felix.kvs.has(first), 60_000);
}

export async function* benchBlockToFelix(): AsyncGenerator<Figure> {
  try {
    buildKube();
  } catch (error) {
    progress(`skipped: ${(error as Error).message}`);
    return;
  }
  const kube = await startKube();
  const typha = await startFakeTypha(readFileSync(STREAM));
  const api = new KubeClient(kube.kubeconfig);
  const rig = new MeshRig();
  try {
    await fill(kube, api);
    await rig.startHub();
    await rig.createDemo({ db: ["10.20.0.0/16"] });
    await rig.startRelay("db", "--source", "kubernetes", "--kubeconfig", kube.kubeconfig);
    const splice = ["--typha-upstream", typha.address, "--typha-listen", "127.0.0.1:0"];
    const app = await rig.startRelay("app", ...splice);
    const felix = new SyncClient(app.typhaPort ?? 0);
    await felix.until("in-sync", () => felix.hasSync, 40_000);
    await route(rig, felix);
    const watch = await KubeWatch.start(kube.kubeconfig, join(API, "ipamblocks"));
    const [own, all]: [number[], number[]] = [[], []];
    for (let n = 0; n < BLOCKS; n++) {
      const { metadata, spec } = block(n) as { metadata: { name: string }; spec: { cidr: string } };
      const key = `/calico/ipam/v2/assignment/ipv4/block/${spec.cidr.replace("/", "-")}`;
      const began = performance.now();
      const sent = api.send("POST", `${API}/ipamblocks`, block(n));
      const seen = watch.until(metadata.name).then((atMs) => own.push(atMs - began));
      await felix.until(`block ${n}`, () => felix.kvs.has(key), 20_000);
      all.push(performance.now() - began);
      await Promise.all([sent, seen]);
    }
    watch.stop();
    felix.close();
    const beside = all.map((ms, n) => ms - (own[n] ?? 0));
    for (const [what, times, target] of [
      ["a watch of the API server", own, null],
      ["Felix's stream", all, null],
      ["Felix's stream, behind the watch", beside, 30],
    ] as const)
      for (const q of [0.5, 0.99])
        yield figure(`block to ${what}: p${q * 100}`, quantile(times, q), "ms", target);
  } finally {
    api.close();
    await rig.stop();
    await typha.close();
    await kube.stop();
  }
}
