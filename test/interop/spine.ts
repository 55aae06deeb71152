/**
 * The main path with a real API server as cluster B: B's API server → relay → hub → relay of A
 * behind a recorded Typha stream → a sync client in Felix's place. [E2E1] And `catwalk up` with two
 * real clusters. [E2E4]
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { eventually, MeshRig } from "../support/mesh-rig.ts";
import { startFakeTypha, SyncClient } from "../support/typha.ts";
import { KubeClient } from "./kube-client.ts";
import type { KubeServer } from "./kube-server.ts";
import type { Suite } from "./suite.ts";

const STREAM = new URL("../fixtures/golden/typha/b1-felix-plain.s2c.bin", import.meta.url);
const BIN = new URL("../../bin/catwalk.js", import.meta.url).pathname;
const key = (node: string, pod: string) =>
  `/calico/v1/host/db_${node}/workload/k8s/shop%2f${pod}/endpoint/eth0`;

function check(condition: boolean, message: string): void {
  if (!condition) throw new Error(message);
}

/** @param kube Cluster B, with the recorded fixtures in it. */
export async function checkSpine(suite: Suite, kube: KubeServer): Promise<void> {
  const rig = new MeshRig();
  const typha = await startFakeTypha(readFileSync(STREAM));
  const api = new KubeClient(kube.kubeconfig);
  let felix: SyncClient | null = null;
  try {
    await suite.check(
      "a relay of a real API server fills the view of another cluster",
      async () => {
        await rig.startHub();
        await rig.createDemo();
        await rig.startRelay("db", "--source", "kubernetes", "--kubeconfig", kube.kubeconfig);
        const app = await rig.startRelay(
          "app",
          "--typha-upstream",
          typha.address,
          "--typha-listen",
          "127.0.0.1:0",
        );
        await eventually(
          () => rig.served("app", "db"),
          (ips) => ips.length > 10,
        );
        felix = new SyncClient(app.typhaPort ?? 0);
        await felix.until("in-sync", () => felix?.hasSync === true);
      },
    );
    await suite.check("in-sync came after every remote key that the hub held before", async () => {
      const client = felix as SyncClient | null;
      if (client === null) throw new Error("no client");
      const atSync = client.messages.findIndex(
        (message) => message.type === "MsgSyncStatus" && message.status === 2,
      );
      const told = client.messages
        .slice(0, atSync)
        .flatMap((m) => (m.type === "MsgKVs" ? m.kvs.map((kv) => kv.key) : []));
      const remote = told.filter(
        (k) => k.startsWith("/calico/v1/host/db_") && k.includes("/workload/"),
      );
      const addresses = await rig.served("app", "db");
      check(
        remote.length > 10 && remote.length <= addresses.length,
        `${remote.length} endpoints, ${addresses.length} addresses`,
      );
    });
    await suite.check(
      "a pod of the real cluster comes, changes and goes in Felix's stream",
      async () => {
        const client = felix as SyncClient | null;
        if (client === null) throw new Error("no client");
        const wanted = key("node-a", "spine-0");
        await api.send("POST", "/api/v1/namespaces/shop/pods", {
          apiVersion: "v1",
          kind: "Pod",
          metadata: { name: "spine-0", labels: { role: "one" } },
          spec: { nodeName: "node-a", containers: [{ name: "main", image: "example/x" }] },
        });
        await api.send("PATCH", "/api/v1/namespaces/shop/pods/spine-0/status", {
          status: { phase: "Running", podIP: "10.64.9.9", podIPs: [{ ip: "10.64.9.9" }] },
        });
        await client.until(
          "the pod",
          () => client.kvs.get(wanted)?.includes("10.64.9.9/32") === true,
        );
        await api.send("PATCH", "/api/v1/namespaces/shop/pods/spine-0", {
          metadata: { labels: { role: "two" } },
        });
        await client.until(
          "its new label",
          () => client.kvs.get(wanted)?.includes('"role":"two"') === true,
        );
        await api.send("DELETE", "/api/v1/namespaces/shop/pods/spine-0?gracePeriodSeconds=0");
        await client.until("its deletion", () => client.deleted.includes(wanted));
      },
    );
  } finally {
    (felix as SyncClient | null)?.close();
    api.close();
    await rig.stop();
    await typha.close();
  }
}

/** @param first Sees the second, which has the recorded fixtures in it. */
export async function checkUp(suite: Suite, first: KubeServer, second: KubeServer): Promise<void> {
  await suite.check(
    "catwalk up with two real clusters: the first sees the second, nothing is written to them",
    async () => {
      const data = mkdtempSync(join(tmpdir(), "catwalk-up-"));
      const child = spawn(
        process.execPath,
        [
          BIN,
          "up",
          "--data",
          data,
          "--kubeconfig",
          first.kubeconfig,
          "--kubeconfig",
          second.kubeconfig,
        ],
        { stdio: ["ignore", "pipe", "inherit"] },
      );
      let out = "";
      child.stdout.on("data", (text: Buffer) => (out += text.toString()));
      const exited = new Promise((resolve) => child.once("exit", resolve));
      try {
        await eventually(
          () => Promise.resolve(out),
          (text) => text.includes("Ctrl-C stops") && text.includes("The other direction"),
        );
        const seen = /── sees ──▶ [^]*? in sync, (\d+) endpoints/.exec(out)?.[1];
        check(Number(seen) > 10, `it said: ${out}`);
      } finally {
        child.kill("SIGINT");
        await exited;
        rmSync(data, { recursive: true, force: true });
      }
    },
  );
}
