/** A relay without a hub between two real API servers, and what a check of it needs. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

import { parse } from "yaml";

import { remoteRbac } from "../../cli/commands/rbac.ts";
import { DirectRig } from "../support/direct-rig.ts";
import { eventually } from "../support/mesh-rig.ts";
import { KubeClient } from "./kube-client.ts";
import type { KubeServer } from "./kube-server.ts";

const NAMESPACE = "remotes";
const SECRETS = `/api/v1/namespaces/${NAMESPACE}/secrets`;
const SECRET = "remote-cluster-secret-name";

export function must(condition: boolean, message: string): void {
  if (!condition) throw new Error(message);
}

export class DirectLab {
  readonly rig = new DirectRig();
  readonly a: KubeClient;
  readonly b: KubeClient;
  readonly #kubeA: KubeServer;
  readonly #kubeB: KubeServer;
  deleted: string[] = [];

  constructor(kubeA: KubeServer, kubeB: KubeServer) {
    this.#kubeA = kubeA;
    this.#kubeB = kubeB;
    this.a = new KubeClient(kubeA.kubeconfig);
    this.b = new KubeClient(kubeB.kubeconfig);
  }

  async stop(): Promise<void> {
    this.a.close();
    this.b.close();
    await this.rig.end();
  }

  get server(): { readonly port: number; readonly ca: string } {
    const config = parse(readFileSync(this.#kubeB.kubeconfig, "utf8")) as {
      clusters: { cluster: { server: string; "certificate-authority": string } }[];
    };
    const cluster = config.clusters[0]?.cluster;
    if (cluster === undefined) throw new Error("BUG: no cluster");
    const ca = readFileSync(cluster["certificate-authority"], "utf8");
    return { port: Number(new URL(cluster.server).port), ca };
  }

  /** The account of `catwalk rbac remote` in B, and its token. */
  async account(): Promise<string> {
    const input = remoteRbac({ namespace: "kube-system", name: "catwalk-remote" });
    const args = ["--kubeconfig", this.#kubeB.kubeconfig, "apply", "-f", "-"];
    const { status, stderr } = spawnSync("kubectl", args, { input, encoding: "utf8" });
    must(status === 0, `kubectl apply: ${stderr}`);
    return this.token();
  }

  async token(): Promise<string> {
    const path = "/api/v1/namespaces/kube-system/serviceaccounts/catwalk-remote/token";
    const answer = (await this.b.send("POST", path, {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenRequest",
      spec: { expirationSeconds: 3_600 },
    })) as { readonly status: { readonly token: string } };
    return answer.status.token;
  }

  /** As the documentation writes it: one context, a token, the authority as data. */
  kubeconfig(token: string, { port, ca } = this.server): string {
    const name = "tigera-federation-remote-cluster";
    const data = Buffer.from(ca).toString("base64");
    return JSON.stringify({
      apiVersion: "v1",
      kind: "Config",
      users: [{ name, user: { token } }],
      clusters: [
        {
          name,
          cluster: { "certificate-authority-data": data, server: `https://127.0.0.1:${port}` },
        },
      ],
      contexts: [{ name: `${name}-ctx`, context: { cluster: name, user: name } }],
      "current-context": `${name}-ctx`,
    });
  }

  /** Puts it where A's Secret is read. */
  async writeSecret(method: "POST" | "PUT", kubeconfig: string): Promise<void> {
    await this.a.send(method, method === "POST" ? SECRETS : `${SECRETS}/${SECRET}`, {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: SECRET, namespace: NAMESPACE },
      stringData: { datastoreType: "kubernetes", kubeconfig },
    });
  }

  /** Reads the remote by a Secret, from its namespace on. */
  async startBySecret(): Promise<void> {
    await this.a.send("POST", "/api/v1/namespaces", {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name: NAMESPACE },
    });
    await this.writeSecret("POST", this.kubeconfig(await this.account()));
    await this.start();
    const clusterAccessSecret = { name: SECRET, namespace: NAMESPACE, kind: "Secret" };
    this.rig.apply("db", { clusterAccessSecret });
    await this.inSync("db");
  }

  /** Puts another token into the Secret. @returns ms until its connection is in sync. */
  async rotate(): Promise<number> {
    const { rig } = this;
    const token = await this.token();
    const opened = (): number => rig.log.split("it is read anew").length;
    const before = opened();
    const began = performance.now();
    await this.writeSecret("PUT", this.kubeconfig(token));
    await eventually(() => Promise.resolve(opened() > before && rig.status("db") === 2), Boolean);
    return performance.now() - began;
  }

  async start(): Promise<void> {
    const relay = await this.rig.start({ kubeconfig: this.#kubeA.kubeconfig });
    relay.remotes.subscribe((changes) => {
      for (const { op, held } of changes) if (op === "delete") this.deleted.push(held.key);
    });
  }

  async inSync(rcc: string): Promise<void> {
    await eventually(
      () => Promise.resolve(this.rig.status(rcc)),
      (status) => status === 2,
    ).catch((error: unknown) => {
      const conditions = JSON.stringify(this.rig.report(rcc)?.conditions);
      throw new Error(`${rcc} is not in sync: ${conditions}`, { cause: error });
    });
  }

  async told(rcc: string, type: string, words: RegExp): Promise<void> {
    await eventually(
      () => Promise.resolve(this.rig.condition(rcc, type)),
      ({ reason, message }) => words.test(`${reason}: ${message}`),
    );
  }

  async pod(name: string, ip: string): Promise<void> {
    const pods = "/api/v1/namespaces/shop/pods";
    await this.b.send("POST", pods, {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name, labels: { role: name } },
      spec: { nodeName: "node-a", containers: [{ name: "main", image: "example/x" }] },
    });
    await this.b.send("PATCH", `${pods}/${name}/status`, {
      status: { phase: "Running", podIP: ip, podIPs: [{ ip }] },
    });
  }

  has(rcc: string, pod: string): boolean {
    return [...this.rig.served(rcc).keys()].some((key) => key.includes(`shop%2f${pod}/`));
  }
}
