/**
 * A cluster's first relay: from `kubectl apply` of what `catwalk install` and `catwalk cluster
 * identity` print, on a real API server, until `/readyz` answers and a Felix is in sync with the
 * remote's endpoints. What a kubelet does with the image present is done here: the DaemonSet's
 * container is run from a folder with the image's content, with the ConfigMap, the Secret and a
 * token of the ServiceAccount as the API server gives them.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import type { AddressInfo, Server } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";

import { z } from "zod";

import { startRelay } from "../../cli/demo/relay-process.ts";
import type { RelayProcess } from "../../cli/demo/relay-process.ts";
import { kubectl, relayKubeconfig } from "../interop/deploy.ts";
import { KubeClient } from "../interop/kube-client.ts";
import { buildKube, ensureKubectl, startKube } from "../interop/kube-server.ts";
import type { KubeServer } from "../interop/kube-server.ts";
import { manyPods } from "../faults/many-pods.ts";
import { MeshRig } from "../support/mesh-rig.ts";
import { startFakeTypha, SyncClient } from "../support/typha.ts";
import { figure, progress } from "./figure.ts";
import type { Figure } from "./figure.ts";

const PODS = 120;
const POLL_MS = 10;
const ROOT = join(import.meta.dirname, "../..");
const STREAM = new URL("../fixtures/golden/typha/b1-felix-plain.s2c.bin", import.meta.url);
const OWN = "/api/v1/namespaces/catwalk";

const daemonSetSchema = z.object({
  spec: z.object({
    template: z.object({
      spec: z.object({ containers: z.tuple([z.object({ args: z.array(z.string()) })]) }),
    }),
  }),
});
const dataSchema = z.object({ data: z.record(z.string(), z.string()) });

export async function* benchApplyToReady(): AsyncGenerator<Figure> {
  const address = ownAddress();
  try {
    buildKube();
    ensureKubectl();
    // No API server takes a loopback address for Typha's.
    if (address === null) throw new Error("this machine has no address but loopback");
  } catch (error) {
    progress(`skipped: ${(error as Error).message}`);
    return;
  }
  const image = mkdtempSync(join(tmpdir(), "catwalk-image-"));
  execFileSync(process.execPath, [join(ROOT, "bin/bundle.js"), image]);
  const typha = await startFakeTypha(readFileSync(STREAM));
  const front = await forward(address, Number(typha.address.split(":")[1]));
  const [kube, rig] = [await startKube(), new MeshRig()];
  const api = new KubeClient(kube.kubeconfig);
  try {
    await rig.startHub();
    await rig.createDemo();
    writeFileSync(join(rig.folder("db"), "many.yaml"), manyPods("many", PODS));
    await rig.startRelay("db");
    await addTypha(api, address, (front.address() as AddressInfo).port);
    const manifests = await manifestsOf(rig);
    yield* measure({ kube, api, rig, manifests, image });
  } finally {
    api.close();
    await rig.stop();
    front.close();
    await typha.close();
    await kube.stop();
    rmSync(image, { recursive: true, force: true });
  }
}

interface Bench {
  readonly kube: KubeServer;
  readonly api: KubeClient;
  readonly rig: MeshRig;
  /** File with all that is applied. */
  readonly manifests: string;
  /** Folder of `npm run bundle`. */
  readonly image: string;
}

async function* measure(bench: Bench): AsyncGenerator<Figure> {
  const began = performance.now();
  const since = (): number => (performance.now() - began) / 1000;
  const made = kubectl(bench.kube, "apply", "-f", bench.manifests).trim().split("\n");
  progress(`${made.length} objects`);
  const applied = since();
  const relay = await runAsKubelet(bench);
  const felix = new SyncClient(relay.typhaPort ?? 0);
  try {
    const served = felix.until("the remote's endpoints, in sync", () => {
      const remote = [...felix.kvs.keys()].filter((key) => key.includes("/host/db_"));
      return felix.hasSync && remote.length >= PODS;
    });
    const atSync = served.then(since);
    while ((await fetch(new URL("/readyz", relay.url))).status !== 200)
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    const [ready, inSync] = [since(), await atSync];
    const name = "first kubectl apply, one node";
    yield figure(`${name}: all objects are there`, applied, "s", null);
    yield figure(`${name}: the relay is ready`, ready, "s", null);
    yield figure(`${name}: Felix is in sync with ${PODS} remote endpoints`, inSync, "s", 10);
  } finally {
    felix.close();
    await relay.stop();
  }
}

/** The container of the DaemonSet, with what the API server has for it. */
async function runAsKubelet({ kube, api, rig, image }: Bench): Promise<RelayProcess> {
  const path = "/apis/apps/v1/namespaces/catwalk/daemonsets/catwalk-relay";
  const { spec } = daemonSetSchema.parse(await api.send("GET", path));
  const settings = dataSchema.parse(await api.send("GET", `${OWN}/configmaps/catwalk-relay`));
  const secret = dataSchema.parse(await api.send("GET", `${OWN}/secrets/catwalk-identity`));
  const kubeconfig = await relayKubeconfig(kube, api);
  const host = join(kube.folder, "host");
  mkdirSync(join(host, "identity"), { recursive: true });
  for (const [name, value] of Object.entries(secret.data))
    writeFileSync(join(host, "identity", name), Buffer.from(value, "base64"), { mode: 0o400 });
  const args = spec.template.spec.containers[0].args.slice(1).map((arg) =>
    arg
      .replace("/var/lib/catwalk-relay", join(host, "state"))
      .replace("/etc/catwalk/identity", join(host, "identity"))
      .replace(/^(--[a-z]+-listen)=.+$/, "$1=127.0.0.1:0"),
  );
  const env = { ...process.env, ...settings.data, CATWALK_NODE_NAME: "n1" };
  const log = rig.logFile("app");
  const program = join(image, "relay/catwalk.js");
  return startRelay("app", [...args, `--kubeconfig=${kubeconfig}`], env, log, program);
}

/** What an operator has before: the printed manifests, and the identity. */
async function manifestsOf(rig: MeshRig): Promise<string> {
  const path = join(rig.root, "relays.yaml");
  const choice = ["--cluster", "app", "--hub", rig.hubUrl, "--image", "registry.example.com/r:1"];
  const install = await rig.catwalk("install", ...choice);
  const identity = await rig.catwalk("cluster", "identity", "app");
  for (const { status, err } of [install, identity]) if (status !== 0) throw new Error(err);
  writeFileSync(path, `${install.out}---\n${identity.out}`, { mode: 0o600 });
  return path;
}

/** As Kubernetes makes it of Typha's service and a pod. */
async function addTypha(api: KubeClient, address: string, port: number): Promise<void> {
  await api.send("POST", "/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices", {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      name: "calico-typha-1",
      labels: { "kubernetes.io/service-name": "calico-typha" },
    },
    addressType: "IPv4",
    endpoints: [{ addresses: [address], conditions: { ready: true }, nodeName: "n1" }],
    ports: [{ name: "calico-typha", port, protocol: "TCP" }],
  });
}

function ownAddress(): string | null {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return all.find(({ family, internal }) => family === "IPv4" && !internal)?.address ?? null;
}

/** Whoever connects to this address is connected to a port of loopback. */
async function forward(address: string, to: number): Promise<Server> {
  const server = createServer((socket) => {
    const typha = connect(to, "127.0.0.1");
    for (const one of [socket, typha]) one.on("error", () => one.destroy());
    socket.on("close", () => typha.destroy());
    socket.pipe(typha).pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, address, resolve));
  return server;
}
