/**
 * One relay without a hub and two remotes that it reads itself, an API server and an etcd, both
 * real: 100 changes a second in each, in turn, until a sync client in Felix's place has each. What
 * both go through behind the source is the same. Latency counts from the request, so it has the
 * server's own write in it.
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { z } from "zod";

import { startRelay } from "../../cli/demo/relay-process.ts";
import { GrpcChannel } from "../../relay/source/etcd/grpc-channel.ts";
import { MessageWriter } from "../../relay/source/etcd/protobuf.ts";
import { KubeClient } from "../interop/kube-client.ts";
import { buildKube, ensureKubectl, startKube } from "../interop/kube-server.ts";
import type { KubeServer } from "../interop/kube-server.ts";
import { applyFixtures } from "../interop/source-golden.ts";
import { APP, rccText } from "../support/direct-rig.ts";
import { startFakeTypha, SyncClient } from "../support/typha.ts";
import { buildPeer, firstLine, PEER } from "./etcd-peer.ts";
import { figure, progress, quantile } from "./figure.ts";
import type { Figure } from "./figure.ts";

const RATE = 100;
const SECONDS = 5;
const ROUNDS = 3;
const PODS = 100;
const CALL_MS = 20_000;
const STREAM = new URL("../fixtures/golden/typha/b1-felix-plain.s2c.bin", import.meta.url);
const R = "/calico/resources/v3/projectcalico.org";
const PODS_PATH = "/api/v1/namespaces/shop/pods";

const servedSchema = z.object({ endpoint: z.string() });

/** A datastore with pods, of which a label changes. */
interface Remote {
  /** Its RCC's name. */
  readonly rcc: string;
  readonly spec: object;
  fill(): Promise<void>;
  change(pod: number, round: string): Promise<unknown>;
}

function apiServer(kube: KubeServer, api: KubeClient): Remote {
  return {
    rcc: "api",
    spec: { datastoreType: "kubernetes", kubeconfig: kube.kubeconfig },
    fill: async () => {
      for (let n = 0; n < PODS; n++) {
        const podIP = `10.64.9.${n + 1}`;
        await api.send("POST", PODS_PATH, {
          apiVersion: "v1",
          kind: "Pod",
          metadata: { name: `rate-${n}` },
          spec: { nodeName: "n1", containers: [{ name: "m", image: "i" }] },
        });
        await api.send("PATCH", `${PODS_PATH}/rate-${n}/status`, {
          status: { phase: "Running", podIP, podIPs: [{ ip: podIP }] },
        });
      }
    },
    change: (pod, round) =>
      api.send("PATCH", `${PODS_PATH}/rate-${pod}`, { metadata: { labels: { round } } }),
  };
}

function etcd(endpoint: string, channel: GrpcChannel): Remote {
  const put = (key: string, value: object): Promise<unknown> => {
    const request = new MessageWriter().text(1, `${R}/${key}`).text(2, JSON.stringify(value));
    return channel.call("/etcdserverpb.KV/Put", request.done(), {}, CALL_MS);
  };
  const change = (pod: number, round: string): Promise<unknown> =>
    put(`workloadendpoints/shop/n1-k8s-rate--${pod}-eth0`, {
      kind: "WorkloadEndpoint",
      apiVersion: "projectcalico.org/v3",
      metadata: { name: `n1-k8s-rate--${pod}-eth0`, namespace: "shop", labels: { round } },
      spec: {
        orchestrator: "k8s",
        node: "n1",
        pod: `rate-${pod}`,
        endpoint: "eth0",
        ipNetworks: [`10.90.9.${pod + 1}/32`],
        profiles: ["kns.shop"],
      },
    });
  return {
    rcc: "etcd",
    spec: { datastoreType: "etcdv3", etcdEndpoints: `http://${endpoint}` },
    fill: async () => {
      await put("ippools/pods", { metadata: { name: "pods" }, spec: { cidr: "10.90.0.0/16" } });
      for (let n = 0; n < PODS; n++) await change(n, "none");
    },
    change,
  };
}

/** ms of each change, each sent at its moment whether the ones before are answered or not. */
async function measure(
  remote: Remote,
  felix: SyncClient,
  waiting: Map<string, { readonly round: string; readonly began: number }>,
  prefix: string,
): Promise<void> {
  const began = performance.now();
  const requests: Promise<unknown>[] = [];
  for (let n = 0; n < RATE * SECONDS; n++) {
    const wait = began + (n * 1_000) / RATE - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    const [pod, round] = [n % PODS, `${prefix}-${n}`];
    waiting.set(keyOf(remote.rcc, pod), { round, began: performance.now() });
    requests.push(remote.change(pod, round));
  }
  await Promise.all(requests);
  await felix.until("every change", () => waiting.size === 0, CALL_MS);
}

function keyOf(rcc: string, pod: number): string {
  return `/calico/v1/host/${rcc}_n1/workload/k8s/shop%2frate-${pod}/endpoint/eth0`;
}

export async function* benchDirectChange(): AsyncGenerator<Figure> {
  try {
    buildKube();
    ensureKubectl();
    buildPeer();
  } catch (error) {
    progress(`skipped: ${(error as Error).message}`);
    return;
  }
  const dir = mkdtempSync(join(tmpdir(), "catwalk-direct-change-"));
  const kube = await startKube();
  const api = new KubeClient(kube.kubeconfig);
  const server = spawn(PEER, ["serve", join(dir, "data")], { stdio: ["pipe", "pipe", "inherit"] });
  const { endpoint } = servedSchema.parse(JSON.parse(await firstLine(server)));
  const channel = new GrpcChannel(`http://${endpoint}`, { ca: "", cert: "", key: "" });
  try {
    await applyFixtures(kube, "crd.projectcalico.org/v1");
    const remotes = [apiServer(kube, api), etcd(endpoint, channel)];
    for (const remote of remotes) await remote.fill();
    yield* compare(remotes, dir);
  } finally {
    channel.close();
    api.close();
    await kube.stop();
    await ended(server);
    rmSync(dir, { recursive: true, force: true });
  }
}

async function* compare(remotes: readonly Remote[], dir: string): AsyncGenerator<Figure> {
  const rccs = join(dir, "rccs");
  mkdirSync(rccs);
  for (const { rcc, spec } of remotes) writeFileSync(join(rccs, `${rcc}.yaml`), rccText(rcc, spec));
  const typha = await startFakeTypha(readFileSync(STREAM));
  const args = ["--state", join(dir, "state"), "--rcc-dir", rccs, "--manifests", APP];
  const ports = ["--http-listen", "127.0.0.1:0", "--typha-listen", "127.0.0.1:0"];
  const more = [...ports, "--typha-upstream", typha.address];
  const relay = await startRelay("app", [...args, ...more], process.env, join(dir, "relay.log"));
  const waiting = new Map<string, { readonly round: string; readonly began: number }>();
  const latencies = new Map<string, number[]>(remotes.map(({ rcc }) => [rcc, []]));
  try {
    const felix = new SyncClient(relay.typhaPort ?? 0, {}, (message) => {
      if (message.type !== "MsgKVs") return;
      for (const { key, value } of message.kvs) {
        const change = waiting.get(key);
        if (change === undefined || value === null) continue;
        if (!Buffer.from(value).toString("utf8").includes(`"${change.round}"`)) continue;
        waiting.delete(key);
        const rcc = key.slice("/calico/v1/host/".length).split("_")[0] ?? "";
        latencies.get(rcc)?.push(performance.now() - change.began);
      }
    });
    const isThere = (): boolean => remotes.every(({ rcc }) => felix.kvs.has(keyOf(rcc, PODS - 1)));
    await felix.until("both remotes", () => felix.hasSync && isThere(), 60_000);
    for (let round = 0; round <= ROUNDS; round++)
      for (const remote of round % 2 === 0 ? remotes : remotes.toReversed()) {
        await measure(remote, felix, waiting, `r${round}`);
        // The first warms up.
        if (round === 0) latencies.set(remote.rcc, []);
      }
    felix.close();
  } finally {
    await relay.stop();
    await typha.close();
  }
  const [kubernetes = [], ofEtcd = []] = remotes.map(({ rcc }) => latencies.get(rcc));
  for (const [q, name] of [
    [0.5, "p50"],
    [0.99, "p99"],
  ] as const) {
    const theirs = quantile(kubernetes, q);
    const what = `a direct remote's change at ${RATE}/s to Felix's stream`;
    yield figure(`${what}, API server: ${name}`, theirs, "ms", null);
    yield figure(`${what}, etcd: ${name}`, quantile(ofEtcd, q), "ms", theirs);
  }
}

async function ended(server: ChildProcess): Promise<void> {
  const exited = new Promise((resolve) => server.once("exit", resolve));
  server.kill("SIGKILL");
  await exited;
}
