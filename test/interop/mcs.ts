/**
 * The standard's multi-cluster services between two real API servers with the standard's own CRDs,
 * and CoreDNS that answers from them: the specs of the official conformance suite that need no pods
 * (which is no module that the Go proxy has), headless names, half of the API. [MCS6] [MCS8]
 * [MCS10]
 */
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";

import { derivedName } from "../../relay/services/mcs/derived-name.ts";
import { applyRcc } from "../../shared/api/rccs.ts";
import { memberRcc } from "../../shared/visibility/rcc.ts";
import { eventually, MeshRig } from "../support/mesh-rig.ts";
import { kubectl, relayKubeconfig } from "./deploy.ts";
import { standardCrds, startCoreDns } from "./coredns.ts";
import type { CoreDns } from "./coredns.ts";
import { asked, audited, rightsOf } from "./audit.ts";
import { KubeClient } from "./kube-client.ts";
import type { KubeServer } from "./kube-server.ts";
import type { Suite } from "./suite.ts";

const MCS = "/apis/multicluster.x-k8s.io/v1beta1/namespaces/shop";
const SERVICES = "/api/v1/namespaces/shop/services";
const SLICES = "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices";

type Condition = { readonly type: string; readonly status: string; readonly reason: string };

interface Import {
  readonly metadata: {
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
  readonly status?: { readonly clusters?: readonly { readonly cluster: string }[] };
}

const FOLDER = new URL("../../deploy/relay/", import.meta.url).pathname;
const RIGHTS = [
  "base/namespace.yaml",
  "base/rbac.yaml",
  "source-kubernetes/rbac.yaml",
  "services/rbac.yaml",
  "services/mcs.yaml",
];
/** Asked of OpenShift only, and after another's write came first. */
const SELDOM = [
  "discovery.k8s.io/endpointslices/restricted create",
  "discovery.k8s.io/endpointslices get",
  "multicluster.x-k8s.io/serviceexports get",
  "multicluster.x-k8s.io/serviceimports get",
];

const TCP = { name: "tcp", port: 42, protocol: "TCP" };
const UDP = { name: "udp", port: 42, protocol: "UDP" };

class McsLab {
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

  async service(api: KubeClient, spec: object = {}): Promise<void> {
    await api.send("POST", SERVICES, {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "hello", namespace: "shop", labels: { own: "x" } },
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

  async exports(api: KubeClient, spec: object = {}): Promise<void> {
    await api.send("POST", `${MCS}/serviceexports`, {
      apiVersion: "multicluster.x-k8s.io/v1beta1",
      kind: "ServiceExport",
      metadata: { name: "hello", namespace: "shop" },
      spec,
    });
  }

  async unexport(api: KubeClient): Promise<void> {
    await api.send("DELETE", `${MCS}/serviceexports/hello`);
  }

  /** `null`: there is none. */
  async import(api: KubeClient): Promise<Import | null> {
    return (await api
      .send("GET", `${MCS}/serviceimports/hello`)
      .catch(() => null)) as Import | null;
  }

  /** Waits for an import that is so. */
  async imported(api: KubeClient, is: (one: Import) => boolean): Promise<Import> {
    const found = await eventually(
      () => this.import(api),
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
    for (const api of this.both)
      for (const path of [`${MCS}/serviceexports/hello`, `${SERVICES}/hello`, `${SLICES}/hello-1`])
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

export async function checkMcs(suite: Suite, kubeA: KubeServer, kubeB: KubeServer): Promise<void> {
  const lab = new McsLab(kubeA, kubeB);
  const check = (name: string, body: () => Promise<void>): Promise<void> =>
    suite.check(`multi-cluster services: ${name}`, body);
  try {
    await check("without the CRDs, and with half of them, relays say what is missing", () =>
      checkHalf(lab),
    );
    await checkClusterSetIp(check, lab);
    await checkTwo(check, lab);
    await checkNames(check, lab);
    await check("a relay needs each right of deploy/relay/services, and no other", () =>
      checkRights(lab),
    );
  } finally {
    await lab.stop();
  }
}

type Check = (name: string, body: () => Promise<void>) => Promise<void>;

async function checkHalf(lab: McsLab): Promise<void> {
  const [kubeA, kubeB] = lab.kubes;
  if (kubeA === undefined || kubeB === undefined) throw new Error("two servers");
  lab.crds(kubeB, "serviceexports", "serviceimports");
  lab.crds(kubeA, "serviceexports");
  await lab.start();
  await lab.service(lab.b);
  await lab.exports(lab.b);
  await lab.condition(lab.b, "Valid", "True");
  await lab.imported(lab.b, () => true);
  const shown = async (): Promise<string> =>
    (await lab.rig.catwalk("services", "shop/hello", "--relay", lab.rig.relay("app").url)).out;
  await eventually(shown, (text) => text.includes("NotImported") && text.includes("CRD"));
  lab.crds(kubeA, "serviceimports");
  await lab.rig.killRelay("app");
  await lab.startRelay("app");
  await lab.imported(lab.a, () => true);
  await lab.clean();
}

async function checkClusterSetIp(check: Check, lab: McsLab): Promise<void> {
  await check(
    "an exported Service is imported with a clusterset IP, and goes with the export",
    async () => {
      await lab.service(lab.b, {
        trafficDistribution: "PreferClose",
        internalTrafficPolicy: "Cluster",
      });
      await lab.exports(lab.b, {
        exportedLabels: { tier: "x" },
        exportedAnnotations: { note: "y" },
      });
      await lab.condition(lab.b, "Valid", "True");
      await lab.condition(lab.b, "Ready", "True", "Exported");
      for (const api of lab.both) {
        const { metadata, spec } = await lab.imported(
          api,
          (one) => (one.spec.ips?.length ?? 0) > 0 && one.status?.clusters?.length === 1,
        );
        must(spec.type === "ClusterSetIP", spec);
        must(spec.ips?.length === spec.ipFamilies?.length, spec);
        must(isDeepStrictEqual(spec.ports, [TCP, UDP]), spec);
        must(spec.sessionAffinity === "ClientIP", spec);
        must(
          isDeepStrictEqual(spec.sessionAffinityConfig, { clientIP: { timeoutSeconds: 10 } }),
          spec,
        );
        must(spec.internalTrafficPolicy === "Cluster", spec);
        must(spec.trafficDistribution === "PreferClose", spec);
        must(metadata.labels["tier"] === "x" && metadata.labels["own"] === undefined, metadata);
        must(metadata.annotations["note"] === "y", metadata);
      }
      await lab.unexport(lab.b);
      await lab.notImported();
      await lab.clean();
    },
  );
  await check("an ExternalName Service is not valid, and not imported", async () => {
    await lab.b.send("POST", SERVICES, {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "hello", namespace: "shop" },
      spec: { type: "ExternalName", externalName: "example.com" },
    });
    await lab.exports(lab.b);
    await lab.condition(lab.b, "Valid", "False", "InvalidServiceType");
    must((await lab.import(lab.a)) === null, "it is imported");
    await lab.clean();
  });
}

async function checkTwo(check: Check, lab: McsLab): Promise<void> {
  const two = async (spec: object): Promise<void> => {
    await lab.service(lab.a);
    await lab.exports(lab.a);
    await lab.imported(lab.a, () => true);
    // Ages are in whole seconds.
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    await lab.service(lab.b, spec);
    await lab.exports(lab.b);
  };
  const portsAre =
    (...ports: readonly object[]) =>
    (one: Import): boolean =>
      isDeepStrictEqual(one.spec.ports, ports);
  await check("it lives as long as one of two clusters exports it", async () => {
    await two({});
    for (const api of lab.both)
      await lab.imported(api, ({ status }) => status?.clusters?.length === 2);
    await lab.unexport(lab.a);
    for (const api of lab.both)
      await lab.imported(api, ({ status }) =>
        isDeepStrictEqual(status?.clusters, [{ cluster: "db" }]),
      );
    await lab.unexport(lab.b);
    await lab.notImported();
    await lab.clean();
  });
  await check("ports are united, and the difference is a conflict on both exports", async () => {
    const stcp = { name: "stcp", port: 142, protocol: "SCTP" };
    await two({ ports: [TCP, stcp] });
    for (const api of lab.both) {
      await lab.condition(api, "Conflict", "True", "PortConflict");
      await lab.imported(api, portsAre(stcp, TCP, UDP));
    }
    await lab.clean();
  });
  await check("of a port that two have otherwise the oldest counts", async () => {
    await two({ ports: [{ ...TCP, port: 43 }] });
    for (const api of lab.both) {
      await lab.condition(api, "Conflict", "True", "PortConflict");
      await lab.imported(api, portsAre(TCP, UDP));
    }
    await lab.clean();
  });
  await check("headless against not: the oldest counts, and both exports say so", async () => {
    await two({ clusterIP: "None", sessionAffinity: "None", sessionAffinityConfig: null });
    for (const api of lab.both) {
      await lab.condition(api, "Conflict", "True", "TypeConflict");
      await lab.imported(api, ({ spec }) => spec.type === "ClusterSetIP");
    }
    await lab.clean();
  });
}

async function checkNames(check: Check, lab: McsLab): Promise<void> {
  const name = "hello.shop.svc.clusterset.local";
  await check("CoreDNS resolves the clusterset name to the import's addresses", async () => {
    lab.dns = await startCoreDns(lab.kubes[0]?.kubeconfig ?? "");
    await lab.service(lab.b);
    await lab.endpoints(lab.b, "10.20.1.1", "hello-0");
    await lab.exports(lab.b);
    const { spec } = await lab.imported(lab.a, (one) => (one.spec.ips?.length ?? 0) > 0);
    await lab.resolves(name, ...(spec.ips ?? []));
    // The Service that it is routed by has those addresses too.
    await lab.resolves(
      `${derivedName("shop", "hello")}.shop.svc.cluster.local`,
      ...(spec.ips ?? []),
    );
    await lab.resolves("hello.shop.svc.cluster.local");
    await lab.clean();
    await lab.resolves(name);
  });
  await check(
    "headless: the name gives the pods, each has its own by hostname and cluster",
    async () => {
      const headless = { clusterIP: "None", sessionAffinity: "None", sessionAffinityConfig: null };
      for (const [api, ip] of [
        [lab.a, "10.10.1.1"],
        [lab.b, "10.20.1.1"],
      ] as const) {
        await lab.service(api, headless);
        await lab.endpoints(api, ip, "hello-0");
        await lab.exports(api);
      }
      await lab.resolves(name, "10.10.1.1", "10.20.1.1");
      await lab.resolves(`hello-0.db.${name}`, "10.20.1.1");
      await lab.resolves(`hello-0.app.${name}`, "10.10.1.1");
      const srv = (await lab.dns?.services(`_tcp._tcp.${name}`)) ?? [];
      must(isDeepStrictEqual(srv, [`hello-0.app.${name}:42`, `hello-0.db.${name}:42`]), srv);
      await lab.clean();
    },
  );
  await check("a headless Service filled by annotation has the names of remote pods", async () => {
    await lab.service(lab.b);
    await lab.endpoints(lab.b, "10.20.1.1", "hello-0");
    await lab.a.send("POST", SERVICES, {
      apiVersion: "v1",
      kind: "Service",
      metadata: {
        name: "near",
        namespace: "shop",
        annotations: { "federation.tigera.io/serviceSelector": "own == 'x'" },
      },
      spec: { clusterIP: "None", ports: [TCP] },
    });
    await lab.resolves("near.shop.svc.cluster.local", "10.20.1.1");
    await lab.resolves("hello-0.near.shop.svc.cluster.local", "10.20.1.1");
    await lab.a.send("DELETE", `${SERVICES}/near`);
    await lab.clean();
    await lab.resolves("near.shop.svc.cluster.local");
  });
}

async function checkRights(lab: McsLab): Promise<void> {
  // An annotation that cannot be read is told by an Event.
  await lab.a.send("POST", SERVICES, {
    apiVersion: "v1",
    kind: "Service",
    metadata: {
      name: "bad",
      namespace: "shop",
      annotations: { "federation.tigera.io/serviceSelector": "own = 'x'" },
    },
    spec: { ports: [TCP] },
  });
  // A slice that is there is changed: one that is made and deleted needs less.
  await lab.service(lab.b);
  await lab.endpoints(lab.b, "10.20.1.1", "hello-0");
  await lab.exports(lab.b);
  const slicesOfOurs = async (): Promise<string> => JSON.stringify(await lab.a.send("GET", SLICES));
  await eventually(slicesOfOurs, (text) => text.includes("10.20.1.1"));
  await lab.b.send("PATCH", `${SLICES}/hello-1`, {
    endpoints: [{ addresses: ["10.20.1.1"], hostname: "hello-0", conditions: { ready: false } }],
  });
  const given = RIGHTS.filter((file) => file.startsWith("services/")).flatMap((file) =>
    rightsOf(join(FOLDER, file)),
  );
  const needed = given.filter((right) => !SELDOM.includes(right));
  const unused = (): readonly string[] => {
    const used = new Set(lab.kubes.flatMap(({ folder }) => asked(folder)));
    return needed.filter((right) => !used.has(right));
  };
  await eventually(
    () => Promise.resolve(unused()),
    (rights) => rights.length === 0,
  );
  for (const { folder } of lab.kubes)
    for (const { verb, objectRef, responseStatus } of audited(folder))
      must(responseStatus?.code !== 403, { verb, objectRef });
}

function must(condition: boolean, found: unknown): void {
  if (!condition) throw new Error(`it is not so: ${JSON.stringify(found)}`);
}
