/** A real API server with Calico's workloads as objects, and the commands that are run on it. */
import { calicoNodePod } from "../support/calico-cluster.ts";
import { startCatwalk, startProgram } from "../support/catwalk-command.ts";
import type { Ended } from "../support/catwalk-command.ts";
import { KubeClient } from "./kube-client.ts";
import type { KubeServer } from "./kube-server.ts";

type Env = readonly { readonly name: string; readonly value?: string }[];
export interface Containers {
  readonly spec: { readonly containers: readonly { readonly name: string; readonly env?: Env }[] };
}

export function run(command: string, args: readonly string[], input = ""): Promise<Ended> {
  return startProgram(command, args, { input }).ended;
}

export function check(condition: boolean, message: string): void {
  if (!condition) throw new Error(message);
}

export class Cluster {
  readonly kubeconfig: string;
  readonly api: KubeClient;

  constructor(kube: KubeServer) {
    this.kubeconfig = kube.kubeconfig;
    this.api = new KubeClient(kube.kubeconfig);
  }

  catwalk(...args: readonly string[]): Promise<Ended> {
    return startCatwalk([...args, "--kubeconfig", this.kubeconfig]).ended;
  }

  async succeed(...args: readonly string[]): Promise<Ended> {
    const ended = await this.catwalk(...args);
    check(ended.status === 0, `catwalk ${args.join(" ")} ended with ${ended.status}: ${ended.err}`);
    return ended;
  }

  async namespace(name: string): Promise<void> {
    await this.api.send("POST", "/api/v1/namespaces", { metadata: { name } }).catch(isThere);
    const accounts = `/api/v1/namespaces/${name}/serviceaccounts`;
    await this.api.send("POST", accounts, { metadata: { name: "default" } }).catch(isThere);
  }

  /** As the DaemonSet's controller would make it, without making it. */
  async pod(
    namespace: string,
    app: string,
    spec: object = calicoNodePod("operator"),
  ): Promise<Containers> {
    const object = {
      metadata: { name: `${app}-x1`, labels: { "k8s-app": app } },
      spec: { ...spec, automountServiceAccountToken: false },
    };
    const path = `/api/v1/namespaces/${namespace}/pods?dryRun=All`;
    return (await this.api.send("POST", path, object)) as Containers;
  }

  async daemonSet(namespace: string, how: "manifest" | "operator"): Promise<string> {
    const labels = { "k8s-app": "calico-node" };
    const collection = `/apis/apps/v1/namespaces/${namespace}/daemonsets`;
    await this.api.send("POST", collection, {
      metadata: { name: "calico-node" },
      spec: {
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: calicoNodePod(how) },
      },
    });
    return `${collection}/calico-node`;
  }
}

function isThere(error: unknown): void {
  if (!String(error).includes(" 409 ")) throw error;
}

export function environment(
  pod: Containers,
  container = "calico-node",
): Readonly<Record<string, string>> {
  const found = pod.spec.containers.find(({ name }) => name === container);
  return Object.fromEntries((found?.env ?? []).map(({ name, value = "" }) => [name, value]));
}
