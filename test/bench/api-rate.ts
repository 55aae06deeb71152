/**
 * Cluster B's real API server at 100 changes a second, until a rule's IP set at A has each: pods
 * get and lose the label that the rule asks for, each request at its moment whether the ones before
 * are answered or not. The client is ours: a sync client, and the set by the model of Felix.
 */
import type { KubeClient } from "../interop/kube-client.ts";
import { selects } from "../support/felix-model/ip-sets.ts";
import { readValue } from "../support/felix-model/values.ts";
import { SyncClient } from "../support/typha.ts";
import { figure, quantile } from "./figure.ts";
import type { Figure } from "./figure.ts";

const RATE = 100;
const CHANGES = 3_000;
const PODS = 200;
const SELECTOR = "role == 'postgres'";

/** @param pods Path of the pods of namespace `shop`. */
export async function* measureRate(
  api: KubeClient,
  pods: string,
  felixPort: number,
): AsyncGenerator<Figure> {
  for (let n = 0; n < PODS; n++) {
    await api.send("POST", pods, {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: `rate-${n}`, labels: { role: "other" } },
      spec: { nodeName: "n1", containers: [{ name: "m", image: "i" }] },
    });
    const podIP = `10.20.${8 + (n >> 7)}.${(n & 127) + 1}`;
    await api.send("PATCH", `${pods}/rate-${n}/status`, {
      status: { phase: "Running", podIP, podIPs: [{ ip: podIP }] },
    });
  }
  const members = new Set<string>();
  const waiting = new Map<string, { readonly isMember: boolean; readonly began: number }>();
  const latencies: number[] = [];
  const felix = new SyncClient(felixPort, {}, (message) => {
    if (message.type !== "MsgKVs") return;
    for (const { key, value } of message.kvs) {
      if (!key.includes("/workload/k8s/shop%2frate-")) continue;
      if (value !== null && isIn(Buffer.from(value).toString("utf8"))) members.add(key);
      else members.delete(key);
      const change = waiting.get(key);
      if (change?.isMember !== members.has(key)) continue;
      latencies.push(performance.now() - change.began);
      waiting.delete(key);
    }
  });
  await felix.until("in-sync", () => felix.hasSync, 40_000);
  const began = performance.now();
  const requests: Promise<unknown>[] = [];
  for (let n = 0; n < CHANGES; n++) {
    const wait = began + (n * 1_000) / RATE - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    const pod = n % PODS;
    const isMember = Math.floor(n / PODS) % 2 === 0;
    const key = `/calico/v1/host/db_n1/workload/k8s/shop%2frate-${pod}/endpoint/eth0`;
    waiting.set(key, { isMember, began: performance.now() });
    const role = isMember ? "postgres" : "other";
    requests.push(api.send("PATCH", `${pods}/rate-${pod}`, { metadata: { labels: { role } } }));
  }
  await Promise.all(requests);
  await felix.until("every change", () => waiting.size === 0, 20_000);
  felix.close();
  const what = `API server change to a rule's IP set at ${RATE}/s, ${latencies.length} changes`;
  yield figure(`${what}: p50`, quantile(latencies, 0.5), "ms", 60);
  yield figure(`${what}: p99`, quantile(latencies, 0.99), "ms", 300);
}

/** Whether the endpoint is a member of the rule's set, as Felix would have it. */
function isIn(json: string): boolean {
  const read = readValue("WorkloadEndpoint", json);
  return read.is === "value" && selects(SELECTOR, (label) => read.value.labels.get(label));
}
