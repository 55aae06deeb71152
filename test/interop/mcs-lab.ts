/**
 * A hub and two relays with `--services` between two real API servers, with the standard's own CRDs
 * and nothing but the rights of `deploy/relay`; and what a check of multi-cluster services makes,
 * asks and takes away.
 */
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";

import { applyRcc } from "../../shared/api/rccs.ts";
import { memberRcc } from "../../shared/visibility/rcc.ts";
import { eventually, MeshRig } from "../support/mesh-rig.ts";
import { standardCrds } from "./coredns.ts";
import type { CoreDns } from "./coredns.ts";
import { kubectl, relayKubeconfig } from "./deploy.ts";
import { KubeClient } from "./kube-client.ts";
import type { KubeServer } from "./kube-server.ts";

const MCS = "/apis/multicluster.x-k8s.io/v1beta1/namespaces/shop";
export const SERVICES = "/api/v1/namespaces/shop/services";
export const SLICES = "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices";

/** Where a check is told. */
export type Check = (name: string, body: () => Promise<void>) => Promise<void>;

type Condition = { readonly type: string; readonly status: string; readonly reason: string };

export interface Import {
  readonly metadata: {
    readonly uid: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
  };
  readonly spec: {
    readonly type: string;
    readonly ports: readonly { readonly name?: string; readonly port: number }[];
    readonly ips?: readonly string[];
    readonly ipFamilies?: readonly string[];
    readonly sessionAffinity: string;
    readonly sessionAffinityConfig?: unknown;
    readonly internalTrafficPolicy?: string;
    readonly trafficDistribution?: string;
  };
  readonly status?: {
    readonly clusters?: readonly { readonly cluster: string }[];
    readonly endpointSliceObjects?: string;
  };
}

/** Of an import, by the labels of the standard. */
interface ImportedSlice {
  readonly metadata: { readonly labels: Readonly<Record<string, string>> };
  readonly ports: readonly { readonly name: string; readonly port: number }[];
  readonly endpoints: readonly { readonly addresses: readonly string[] }[];
}

export const FOLDER = new URL("../../deploy/relay/", import.meta.url).pathname;
export const RIGHTS = [
  "base/namespace.yaml",
  "base/rbac.yaml",
  "source-kubernetes/rbac.yaml",
  "services/rbac.yaml",
  "services/mcs.yaml",
];
export const TCP = { name: "tcp", port: 42, protocol: "TCP" };
export const UDP = { name: "udp", port: 42, protocol: "UDP" };

export class McsLab {
  readonly rig = new MeshRig();
  readonly a: KubeClient;
  readonly b: KubeClient;
  readonly kubes: readonly KubeServer[];
  dns: CoreDns | null = null;

  constructor(kubeA: KubeServer, kubeB: KubeServer) {
    this.kubes = [kubeA, kubeB];
    this.a = new KubeClient(kubeA.kubeconfig);
    this.b = new KubeClient(kubeB.kubeconfig);
  }

  get both(): readonly KubeClient[] {
    return [this.a, this.b];
  }

  /** @param which Of the standard's kinds. */
  crds(kube: KubeServer, ...which: readonly ("serviceexports" | "serviceimports")[]): void {
    const files = which.map((one) => join(standardCrds(), `multicluster.x-k8s.io_${one}.yaml`));
    kubectl(kube, "apply", ...files.flatMap((file) => ["-f", file]));
    const names = which.map((one) => `crd/${one}.multicluster.x-k8s.io`);
    kubectl(kube, "wait", "--for=condition=Established", ...names);
  }

  /** With the relay's own account, and nothing but the rights of `deploy/relay`. */
  async startRelay(name: string): Promise<void> {
    const i = name === "app" ? 0 : 1;
    const [kube, api] = [this.kubes[i], this.both[i]];
    if (kube === undefined || api === undefined) throw new Error("two servers");
    const kubeconfig = await relayKubeconfig(kube, api);
    const from = ["--source", "kubernetes", "--kubeconfig", kubeconfig];
    await this.rig.startRelay(name, ...from, "--services");
  }

  async start(): Promise<void> {
    await this.rig.startHub();
    await this.rig.createDemo({ app: ["10.10.0.0/16"], db: ["10.20.0.0/16"] });
    for (const api of this.both)
      await api.send("POST", "/api/v1/namespaces", {
        apiVersion: "v1",
        kind: "Namespace",
        metadata: { name: "shop" },
      });
    for (const kube of this.kubes)
      for (const file of RIGHTS) kubectl(kube, "apply", "-f", join(FOLDER, file));
    for (const name of ["app", "db"]) await this.startRelay(name);
    // Each sees the other.
    const params = { mesh: "demo", cluster: "db", rcc: "app" };
    await this.rig.call(applyRcc, { params, body: memberRcc("app") });
    const kinds = "WorkloadEndpoint,IPPool,Node,Service";
    for (const [from, to] of [
      ["db", "app"],
      ["app", "db"],
    ] as const)
      await this.rig.catwalk("grant", "apply", "--cluster", from, "--to", to, "--kind", kinds);
  }

  async stop(): Promise<void> {
    this.dns?.stop();
    for (const api of this.both) api.close();
    await this.rig.stop();
  }

  async service(api: KubeClient, spec: object = {}, name = "hello"): Promise<void> {
    await api.send("POST", SERVICES, {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name, namespace: "shop", labels: { own: "x" } },
      spec: {
        ports: [TCP, UDP],
        sessionAffinity: "ClientIP",
        sessionAffinityConfig: { clientIP: { timeoutSeconds: 10 } },
        ipFamilyPolicy: "PreferDualStack",
        ...spec,
      },
    });
  }

  async endpoints(api: KubeClient, ip: string, hostname: string): Promise<void> {
    await api.send("POST", SLICES, {
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: {
        name: "hello-1",
        namespace: "shop",
        labels: { "kubernetes.io/service-name": "hello" },
      },
      addressType: "IPv4",
      ports: [TCP, UDP],
      endpoints: [{ addresses: [ip], hostname }],
    });
  }

  async exports(api: KubeClient, spec: object = {}, name = "hello"): Promise<void> {
    await api.send("POST", `${MCS}/serviceexports`, {
      apiVersion: "multicluster.x-k8s.io/v1beta1",
      kind: "ServiceExport",
      metadata: { name, namespace: "shop" },
      spec,
    });
  }

  async unexport(api: KubeClient): Promise<void> {
    await api.send("DELETE", `${MCS}/serviceexports/hello`);
  }

  /**
   * Both clusters export it, `app` first.
   * @param spec Of the younger, `db`'s.
   */
  async two(spec: object, older: object = {}, younger: object = {}): Promise<void> {
    await this.service(this.a);
    await this.exports(this.a, older);
    await this.imported(this.a, () => true);
    // Ages are in whole seconds.
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    await this.service(this.b, spec);
    await this.exports(this.b, younger);
  }

  /**
   * Waits until what was written of `db` before has come to both clusters: a Service that is
   * exported now is imported.
   */
  async allHasCome(): Promise<void> {
    await this.service(this.b, {}, "after");
    await this.exports(this.b, {}, "after");
    for (const api of this.both) await this.imported(api, () => true, "after");
  }

  /** Slices that are an import's, whatever they are of. */
  async slices(api: KubeClient): Promise<readonly ImportedSlice[]> {
    const selector = "multicluster.kubernetes.io/service-name=hello";
    const path = `${SLICES}?labelSelector=${encodeURIComponent(selector)}`;
    return ((await api.send("GET", path)) as { readonly items: readonly ImportedSlice[] }).items;
  }

  /** Waits until both clusters have, by port, these addresses: `tcp 10.20.1.1 db`. */
  async routed(...wanted: readonly string[]): Promise<void> {
    for (const api of this.both)
      await eventually(
        async () => (await this.slices(api)).flatMap(routesOf).toSorted(),
        (found) => isDeepStrictEqual(found, wanted),
      );
  }

  /** `null`: there is none. */
  async import(api: KubeClient, name = "hello"): Promise<Import | null> {
    return (await api
      .send("GET", `${MCS}/serviceimports/${name}`)
      .catch(() => null)) as Import | null;
  }

  /** Waits for an import that is so. */
  async imported(api: KubeClient, is: (one: Import) => boolean, name = "hello"): Promise<Import> {
    const found = await eventually(
      () => this.import(api, name),
      (one) => one !== null && is(one),
    );
    if (found === null) throw new Error("BUG: it was there");
    return found;
  }

  async notImported(): Promise<void> {
    for (const api of this.both)
      await eventually(
        () => this.import(api),
        (one) => one === null,
      );
  }

  /** Waits for a condition of an export. */
  async condition(api: KubeClient, type: string, status: string, reason = ""): Promise<void> {
    await eventually(
      async () => {
        const one = (await api.send("GET", `${MCS}/serviceexports/hello`)) as {
          readonly status?: { readonly conditions?: readonly Condition[] };
        };
        return one.status?.conditions ?? [];
      },
      (conditions) =>
        conditions.some(
          (one) => one.type === type && one.status === status && one.reason.includes(reason),
        ),
    );
  }

  /** Takes away what a check has made. */
  async clean(): Promise<void> {
    const made = ["hello", "after"].flatMap((name) => [
      `${MCS}/serviceexports/${name}`,
      `${SERVICES}/${name}`,
    ]);
    for (const api of this.both)
      for (const path of [...made, `${SLICES}/hello-1`])
        await api.send("DELETE", path).catch(() => undefined);
    await this.notImported();
    for (const api of this.both)
      await eventually(
        async () => (await api.send("GET", SLICES)) as { readonly items: readonly unknown[] },
        ({ items }) => items.length === 0,
      );
  }

  async resolves(name: string, ...wanted: readonly string[]): Promise<void> {
    await eventually(
      async () => (await this.dns?.addresses(name)) ?? [],
      (found) => isDeepStrictEqual(found, wanted.toSorted()),
    );
  }
}

export function must(condition: boolean, found: unknown): void {
  if (!condition) throw new Error(`it is not so: ${JSON.stringify(found)}`);
}

function routesOf({ metadata, ports, endpoints }: ImportedSlice): readonly string[] {
  const cluster = metadata.labels["multicluster.kubernetes.io/source-cluster"];
  return ports.flatMap(({ name }) =>
    endpoints.map(({ addresses }) => `${name} ${addresses.join()} ${cluster}`),
  );
}
