/** A change in cluster B's real API server until a sync client in Felix's place at A has it. */
import { readFileSync } from "node:fs";

import { buildKube, startKube } from "../interop/kube-server.ts";
import { KubeClient } from "../interop/kube-client.ts";
import { eventually, MeshRig } from "../support/mesh-rig.ts";
import { startFakeTypha, SyncClient } from "../support/typha.ts";
import { measureRate } from "./api-rate.ts";
import { figure, progress, quantile } from "./figure.ts";
import type { Figure } from "./figure.ts";

const CHANGES = 200;
const STREAM = new URL("../fixtures/golden/typha/b1-felix-plain.s2c.bin", import.meta.url);

export async function* benchApiToFelix(): AsyncGenerator<Figure> {
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
    await api.send("POST", "/api/v1/namespaces", {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name: "shop" },
    });
    await eventually(
      () => api.send("GET", "/api/v1/namespaces/shop/serviceaccounts/default"),
      () => true,
    );
    await rig.startHub();
    await rig.createDemo({ db: ["10.20.0.0/16"] });
    await rig.startRelay("db", "--source", "kubernetes", "--kubeconfig", kube.kubeconfig);
    const app = await rig.startRelay(
      "app",
      "--typha-upstream",
      typha.address,
      "--typha-listen",
      "127.0.0.1:0",
    );
    const felix = new SyncClient(app.typhaPort ?? 0);
    await felix.until("in-sync", () => felix.hasSync, 40_000);
    const pods = "/api/v1/namespaces/shop/pods";
    await api.send("POST", pods, {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "p" },
      spec: { nodeName: "n1", containers: [{ name: "m", image: "i" }] },
    });
    await api.send("PATCH", `${pods}/p/status`, {
      status: { phase: "Running", podIP: "10.20.0.9", podIPs: [{ ip: "10.20.0.9" }] },
    });
    const key = "/calico/v1/host/db_n1/workload/k8s/shop%2fp/endpoint/eth0";
    await felix.until("the pod", () => felix.kvs.has(key), 20_000);
    const latencies: number[] = [];
    for (let n = 0; n < CHANGES; n++) {
      const began = performance.now();
      const sent = api.send("PATCH", `${pods}/p`, { metadata: { labels: { round: `r${n}` } } });
      await felix.until(
        `change ${n}`,
        () => felix.kvs.get(key)?.includes(`"round":"r${n}"`) === true,
        20_000,
      );
      latencies.push(performance.now() - began);
      await sent;
    }
    felix.close();
    yield* measureRate(api, pods, app.typhaPort ?? 0);
    yield figure("API server change to Felix's stream: p50", quantile(latencies, 0.5), "ms", 60);
    yield figure("API server change to Felix's stream: p99", quantile(latencies, 0.99), "ms", 300);
  } finally {
    api.close();
    await rig.stop();
    await typha.close();
    await kube.stop();
  }
}
