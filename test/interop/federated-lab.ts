/**
 * Two clusters with real API servers, a hub and a relay each: what a federated Service of one gets
 * of the other's pods, and how long that takes.
 */
import { isDeepStrictEqual } from "node:util";

import { eventually, MeshRig } from "../support/mesh-rig.ts";
import { KubeClient } from "./kube-client.ts";
import type { KubeServer } from "./kube-server.ts";

export const SLICES = "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices";
export const SERVICES = "/api/v1/namespaces/shop/services";
export const SELECTOR = "federation.tigera.io/serviceSelector";
interface Slice {
  readonly metadata: {
    readonly name: string;
    readonly generation: number;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly endpoints: readonly {
    readonly addresses: readonly string[];
    readonly conditions: { readonly ready: boolean };
    readonly nodeName?: string;
    readonly targetRef?: { readonly name: string };
  }[];
}

export class FederatedLab {
  readonly rig = new MeshRig();
  readonly a: KubeClient;
  readonly b: KubeClient;
  readonly #kubeA: KubeServer;
  readonly #kubeB: KubeServer;

  constructor(kubeA: KubeServer, kubeB: KubeServer) {
    this.#kubeA = kubeA;
    this.#kubeB = kubeB;
    this.a = new KubeClient(kubeA.kubeconfig);
    this.b = new KubeClient(kubeB.kubeconfig);
  }

  async start(): Promise<void> {
    await this.rig.startHub();
    await this.rig.createDemo({ app: ["10.10.0.0/16"], db: ["10.20.0.0/16"] });
    for (const api of [this.a, this.b])
      await api.send("POST", "/api/v1/namespaces", {
        apiVersion: "v1",
        kind: "Namespace",
        metadata: { name: "shop" },
      });
    // Kubernetes' own controller leaves out pods of nodes that it does not know.
    await this.b.send("POST", "/api/v1/nodes", {
      apiVersion: "v1",
      kind: "Node",
      metadata: { name: "node-b1" },
    });
    await this.startSource();
    await this.startWriter();
    const kinds = "WorkloadEndpoint,IPPool,Node,Service";
    await this.rig.catwalk("grant", "apply", "--cluster", "db", "--to", "app", "--kind", kinds);
  }

  get kubeconfigOfA(): string {
    return this.#kubeA.kubeconfig;
  }

  /** B's relay. */
  async startSource(): Promise<void> {
    const from = ["--source", "kubernetes", "--kubeconfig", this.#kubeB.kubeconfig];
    await this.rig.startRelay("db", ...from);
  }

  async startWriter(): Promise<void> {
    const from = ["--source", "kubernetes", "--kubeconfig", this.#kubeA.kubeconfig];
    const lease = ["--services", "--services-lease", "default/catwalk-services"];
    await this.rig.startRelay("app", ...from, ...lease);
  }

  async stop(): Promise<void> {
    this.a.close();
    this.b.close();
    await this.rig.stop();
  }

  async slices(): Promise<readonly Slice[]> {
    const selector = encodeURIComponent(
      "endpointslice.kubernetes.io/managed-by=services.catwalk.dev",
    );
    const list = (await this.a.send("GET", `${SLICES}?labelSelector=${selector}`)) as {
      readonly items: readonly Slice[];
    };
    return list.items;
  }

  /** Writes of the slices that are there, which the server counts. */
  async generations(): Promise<number> {
    return (await this.slices()).reduce((sum, { metadata }) => sum + metadata.generation, 0);
  }

  /** `cluster ip` of what is in A's slices, `-` before what is not ready. */
  async filled(): Promise<string[]> {
    return (await this.slices())
      .flatMap(({ metadata, endpoints }) =>
        (endpoints ?? []).map(
          ({ addresses, conditions }) =>
            `${conditions.ready ? "" : "-"}${metadata.labels["multicluster.kubernetes.io/source-cluster"]} ${addresses[0]}`,
        ),
      )
      .toSorted();
  }

  async until(...wanted: readonly string[]): Promise<void> {
    await eventually(
      () => this.filled(),
      (now) => isDeepStrictEqual(now, wanted.toSorted()),
    );
  }

  async service(
    api: KubeClient,
    name: string,
    metadata: object,
    spec: object = {},
  ): Promise<unknown> {
    return api.send("POST", SERVICES, {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name, namespace: "shop", ...metadata },
      spec: { ports: [{ name: "sql", port: 5432, protocol: "TCP" }], ...spec },
    });
  }

  async annotate(selector: string): Promise<void> {
    await this.a.send("PATCH", `${SERVICES}/db`, {
      metadata: { annotations: { [SELECTOR]: selector } },
    });
  }

  /** A slice that nobody's controller keeps, of one Service. */
  async slice(
    api: KubeClient,
    method: "POST" | "PUT",
    service: string,
    ips: readonly string[],
  ): Promise<void> {
    const name = `${service}-by-hand`;
    await api.send(method, method === "POST" ? SLICES : `${SLICES}/${name}`, {
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: {
        name,
        namespace: "shop",
        labels: { "kubernetes.io/service-name": service },
      },
      addressType: "IPv4",
      ports: [{ name: "sql", port: 5432, protocol: "TCP" }],
      endpoints: ips.map((ip) => ({ addresses: [ip] })),
    });
  }

  /** A pod of B that Kubernetes' own controller puts behind Services. */
  async pod(name: string, ip: string): Promise<void> {
    await this.b.send("POST", "/api/v1/namespaces/shop/pods", {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name, namespace: "shop", labels: { app: "pg" } },
      spec: { nodeName: "node-b1", containers: [{ name: "pg", image: "example/pg" }] },
    });
    await this.ready(name, ip, true);
  }

  async ready(name: string, ip: string, isReady: boolean): Promise<void> {
    const at = new Date().toISOString().replace(/\.\d+Z$/, "Z");
    const status = isReady ? "True" : "False";
    await this.b.send("PATCH", `/api/v1/namespaces/shop/pods/${name}/status`, {
      status: {
        phase: "Running",
        podIP: ip,
        podIPs: [{ ip }],
        conditions: [{ type: "Ready", status, lastTransitionTime: at }],
      },
    });
  }

  /** When B's own controller had written, and when A's slice had it, in ms since the change. */
  async measure(isReady: boolean): Promise<readonly [source: number, whole: number]> {
    const began = performance.now();
    await this.ready("pg-0", "10.20.1.1", isReady);
    let source = 0;
    for (;;) {
      if (source === 0) {
        const list = (await this.b.send("GET", SLICES)) as { readonly items: readonly Slice[] };
        const mine = list.items.flatMap(({ endpoints }) => endpoints ?? []);
        const one = mine.find(({ addresses }) => addresses[0] === "10.20.1.1");
        if (one?.conditions.ready === isReady) source = performance.now() - began;
      }
      const wanted = `${isReady ? "" : "-"}db 10.20.1.1`;
      if ((await this.filled()).includes(wanted)) {
        const whole = performance.now() - began;
        return [source === 0 ? whole : source, whole];
      }
    }
  }
}
