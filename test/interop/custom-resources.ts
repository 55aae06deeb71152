/**
 * RCCs and grants as custom resources of two real API servers: what these refuse by themselves, the
 * life of an edge under the rights that the component gives, a CRD that is deleted, a writer that
 * is killed, the hub away. [CRD1] [CRD2] [CRD3] [CRD6] [CRD7] [CRD9]
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { stringify } from "yaml";

import { eventually, MeshRig } from "../support/mesh-rig.ts";
import { asked, audited, rightsOf } from "./audit.ts";
import { checkRights } from "./custom-resource-rights.ts";
import { kubectl, relayKubeconfig } from "./deploy.ts";
import { KubeClient } from "./kube-client.ts";
import type { KubeServer } from "./kube-server.ts";
import type { Suite } from "./suite.ts";

const BUILD = new URL("../../.build/", import.meta.url).pathname;

type Spec = Readonly<Record<string, unknown>>;

function must(condition: boolean, message: string): void {
  if (!condition) throw new Error(message);
}

/** `kubectl apply -k` of the relay with the component. */
function applyAll(kube: KubeServer): void {
  const folder = join(BUILD, "custom-resources");
  mkdirSync(folder, { recursive: true });
  const kustomization = {
    apiVersion: "kustomize.config.k8s.io/v1beta1",
    kind: "Kustomization",
    resources: ["../../deploy/relay/source-kubernetes"],
    components: ["../../deploy/relay/crds"],
  };
  writeFileSync(join(folder, "kustomization.yaml"), stringify(kustomization));
  kubectl(kube, "apply", "-k", folder);
  for (const plural of ["remoteclusterconfigurations", "remoteclustergrants"])
    kubectl(kube, "wait", "--for=condition=Established", `crd/${plural}.catwalk.dev`);
}

/** JSON: of a name like `n` kubectl's YAML makes a truth value. */
function documentOf(kind: string, name: string, spec: Spec): string {
  return JSON.stringify({ apiVersion: "catwalk.dev/v1", kind, metadata: { name }, spec });
}

class ResourceLab {
  readonly rig = new MeshRig();
  readonly #kubes: Readonly<Record<"app" | "db", KubeServer>>;
  readonly #accounts = new Map<string, string>();

  constructor(app: KubeServer, db: KubeServer) {
    this.#kubes = { app, db };
  }

  async start(): Promise<void> {
    await this.rig.startHub();
    await this.rig.createDemo({ app: ["10.10.0.0/16"], db: ["10.20.0.0/16"] });
    for (const cluster of ["app", "db"] as const) {
      const kube = this.#kubes[cluster];
      applyAll(kube);
      const api = new KubeClient(kube.kubeconfig);
      this.#accounts.set(cluster, await relayKubeconfig(kube, api));
      api.close();
      await this.startRelay(cluster);
    }
    await this.pod();
  }

  /** Under the account, and so the rights, of the manifests. */
  async startRelay(cluster: "app" | "db"): Promise<void> {
    const from = ["--source", "kubernetes", "--kubeconfig", this.#accounts.get(cluster) ?? ""];
    await this.rig.startRelay(cluster, ...from, "--custom-resources");
  }

  account(cluster: string): string {
    return this.#accounts.get(cluster) ?? "";
  }

  async pod(): Promise<void> {
    const api = new KubeClient(this.#kubes.db.kubeconfig);
    await api.send("POST", "/api/v1/namespaces/default/pods", {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "pg", namespace: "default", labels: { role: "postgres" } },
      spec: { nodeName: "node-b1", containers: [{ name: "pg", image: "example/pg" }] },
    });
    await api.send("PATCH", "/api/v1/namespaces/default/pods/pg/status", {
      status: { phase: "Running", podIP: "10.20.1.1", podIPs: [{ ip: "10.20.1.1" }] },
    });
    api.close();
  }

  kubectl(cluster: "app" | "db", ...args: readonly string[]): string {
    return kubectl(this.#kubes[cluster], ...args);
  }

  apply(cluster: "app" | "db", kind: string, name: string, spec: Spec, ...flags: string[]): string {
    const file = join(this.#kubes[cluster].folder, `${kind}-${name}.json`);
    writeFileSync(file, documentOf(kind, name, spec));
    return this.kubectl(cluster, "apply", ...flags, "-f", file);
  }

  /** Records of a remote that a relay serves. */
  async seen(cluster: "app" | "db", rcc: string): Promise<number> {
    const view = await (await fetch(`${this.rig.relay(cluster).url}/view`)).text();
    return view.split("\n").filter((line) => line.includes(`"origin":"${rcc}"`)).length;
  }

  /** As docs/custom-resources.md does it. */
  allowSecret(cluster: "app" | "db", name: string): void {
    const of = ["--verb=get,list,watch", "--resource=secrets", `--resource-name=${name}`];
    this.kubectl(cluster, "create", "role", name, ...of, "-n", "catwalk");
    const to = ["--role", name, "--serviceaccount=catwalk:catwalk-relay"];
    this.kubectl(cluster, "create", "rolebinding", name, ...to, "-n", "catwalk");
  }

  /** How `remote` is reached, with the rights of its own relay. */
  secretOf(cluster: "app" | "db", name: string, remote: "app" | "db"): void {
    const of = ["--kubeconfig", this.account(remote), "--raw", "--flatten"];
    const file = join(this.#kubes[cluster].folder, "remote.yaml");
    writeFileSync(file, this.kubectl(remote, "config", "view", ...of), { mode: 0o600 });
    const from = ["--from-literal=datastoreType=kubernetes", `--from-file=kubeconfig=${file}`];
    this.kubectl(cluster, "create", "secret", "generic", name, ...from, "-n", "catwalk");
  }

  async row(cluster: "app" | "db", what: string, wanted: RegExp): Promise<void> {
    await eventually(
      () => Promise.resolve(this.kubectl(cluster, "get", what, "-o", "wide")),
      (text) => wanted.test(text),
    );
  }

  async atHub(...args: readonly string[]): Promise<string> {
    return (await this.rig.catwalk(...args)).out;
  }

  applyDefinitions(cluster: "app" | "db"): void {
    applyAll(this.#kubes[cluster]);
  }

  problems(cluster: string): Promise<string> {
    return fetch(`${this.rig.relay(cluster).url}/status`)
      .then((answer) => answer.json())
      .then((status) => JSON.stringify((status as { readonly resources: unknown }).resources));
  }
}

export async function checkCustomResources(
  suite: Suite,
  app: KubeServer,
  db: KubeServer,
): Promise<void> {
  const lab = new ResourceLab(app, db);
  try {
    await suite.check("[CRD1] the CRDs and a relay under their rights", () => lab.start());
    await checkRefusals(suite, lab);
    await checkLife(suite, lab);
    await checkDirect(suite, lab);
    await checkEnds(suite, lab);
    await checkAudit(suite, [app, db]);
    await lab.rig.killRelay("app");
    await checkRights(suite, app, lab.account("app"));
  } finally {
    await lab.rig.stop();
  }
}

/** What the component's roles give, against what two relays asked until now. */
async function checkAudit(suite: Suite, kubes: readonly KubeServer[]): Promise<void> {
  await suite.check("[CRD3] each right of the component is used, and none lacks", () => {
    const used = new Set(kubes.flatMap(({ folder }) => asked(folder)));
    const given = rightsOf(new URL("../../deploy/relay/crds/rbac.yaml", import.meta.url).pathname);
    const unused = given.filter((right) => !used.has(right));
    must(given.length > 0 && unused.length === 0, `never asked: ${unused.join(", ")}`);
    const refused = kubes
      .flatMap(({ folder }) => audited(folder))
      .filter(({ responseStatus }) => responseStatus?.code === 403)
      // That of the remote, before it was allowed.
      .filter(({ objectRef }) => objectRef?.resource !== "secrets");
    must(refused.length === 0, JSON.stringify(refused.slice(0, 3)));
  });
}

/** Each breaks one rule; what the API server must say of it. */
const REFUSED: readonly (readonly [kind: string, spec: Spec, said: RegExp])[] = [
  [
    "RemoteClusterConfiguration",
    { clusterAccessSecret: { name: "s", namespace: "n" }, datastoreType: "kubernetes" },
    /spec: .*clusterAccessSecret: every other connection field/,
  ],
  [
    "RemoteClusterConfiguration",
    { clusterAccessSecret: { name: "s", namespace: "n" }, k8sInsecureSkipTLSVerify: true },
    /clusterAccessSecret: every other connection field/,
  ],
  [
    "RemoteClusterConfiguration",
    { datastoreType: "kubernetes", kubeconfig: "/x", etcdEndpoints: "https://e:2379" },
    /kubernetes allows no etcd… field/,
  ],
  ["RemoteClusterConfiguration", { kubeconfig: "/x" }, /allowed only with datastoreType/],
  ["RemoteClusterConfiguration", { k8sAPIToken: "t" }, /spec\.k8sAPIToken: .*keeps no secret/],
  ["RemoteClusterConfiguration", { etcdKeyFile: "a\nb" }, /spec\.etcdKeyFile/],
  ["RemoteClusterConfiguration", { datastoreType: "mysql" }, /spec\.datastoreType: Unsupported/],
  [
    "RemoteClusterConfiguration",
    { syncOptions: { overlayRoutingMode: "On" } },
    /overlayRoutingMode: Unsupported/,
  ],
  ["RemoteClusterGrant", {}, /spec\.cluster: Required/],
  ["RemoteClusterGrant", { cluster: "App" }, /spec\.cluster/],
  ["RemoteClusterGrant", { cluster: "app", scope: {} }, /spec\.scope/],
  ["RemoteClusterGrant", { cluster: "app", scope: { kinds: ["Pod"] } }, /kinds\[0\]: Unsupported/],
  [
    "RemoteClusterGrant",
    { cluster: "app", scope: { kinds: ["Node"], namespaces: ["shop"] } },
    /scope\.namespaces: the kinds of this grant have no namespaces/,
  ],
  [
    "RemoteClusterGrant",
    { cluster: "app", scope: { kinds: ["Node"], selector: "a == 'b'" } },
    /scope\.selector selects endpoints/,
  ],
];

async function checkRefusals(suite: Suite, lab: ResourceLab): Promise<void> {
  await suite.check("[CRD2] the API server refuses what breaks a rule, by field", () => {
    const wrong = REFUSED.flatMap(([kind, spec, said]) => {
      const told = refusal(() => lab.apply("app", kind, "wrong", spec, "--dry-run=server"));
      return said.test(told) ? [] : [`${JSON.stringify(spec)}: ${told}`];
    });
    must(wrong.length === 0, wrong.join("\n"));
    const long = refusal(() =>
      lab.apply("app", "RemoteClusterConfiguration", "db.example", {}, "--dry-run=server"),
    );
    must(/metadata\.name: must be a lower-case DNS label/.test(long), long);
    lab.apply("app", "RemoteClusterConfiguration", "etcd", ETCD, "--dry-run=server");
  });
}

const ETCD: Spec = {
  datastoreType: "etcdv3",
  etcdEndpoints: "https://e1:2379,https://e2:2379",
  etcdCACertFile: "/ca",
  kubeconfig: "/k",
};

function refusal(work: () => string): string {
  try {
    return `taken: ${work()}`;
  } catch (error) {
    return String(error);
  }
}

async function checkLife(suite: Suite, lab: ResourceLab): Promise<void> {
  await suite.check(
    "[CRD5] what the API made is in conflict, until it is deleted there",
    async () => {
      lab.apply("app", "RemoteClusterConfiguration", "db", {});
      lab.apply("db", "RemoteClusterGrant", "app", { cluster: "app" });
      await lab.row("app", "rcc", /db .*Conflict/);
      await lab.row("db", "rcg", /app .*Conflict/);
      await lab.rig.catwalk("rcc", "delete", "db", "--cluster", "app");
      await lab.rig.catwalk("grant", "delete", "--cluster", "db", "--to", "app");
    },
  );
  await suite.check("[CRD6] an edge of custom resources: in sync, with its columns", async () => {
    await lab.row("app", "rcc", /^NAME +REMOTE +STATE +ENDPOINTS +OVERLAY +AGE/);
    await lab.row("app", "rcc", /\ndb +db +InSync +1 +Disabled/);
    await lab.row("db", "rcg", /\napp +app +Used +all/);
    lab.kubectl("app", "wait", "--for=condition=InSync", "rcc/db", "--timeout=10s");
    const rccs = await lab.atHub("rcc", "list", "--cluster", "app", "-o", "wide");
    must(/db +db +granted +cluster/.test(rccs), rccs);
  });
  await suite.check("[CRD6] a grant is narrowed and widened as it is edited", async () => {
    lab.apply("db", "RemoteClusterGrant", "app", { cluster: "app", scope: { namespaces: ["x"] } });
    await lab.row("app", "rcc", /\ndb +db +InSync +0 /);
    await lab.row("db", "rcg", /namespaces x/);
    lab.apply("db", "RemoteClusterGrant", "app", { cluster: "app" });
    await lab.row("app", "rcc", /\ndb +db +InSync +1 /);
  });
  await suite.check("[CRD8] one of nobody says so", async () => {
    lab.apply("app", "RemoteClusterConfiguration", "nobody", {});
    await lab.row("app", "rcc", /\nnobody .*UnknownRemote/);
    lab.kubectl("app", "delete", "rcc", "nobody");
  });
  await suite.check("[CRD8] nothing is written while nothing changes", async () => {
    const version = () =>
      lab.kubectl("app", "get", "rcc", "db", "-o", "jsonpath={.metadata.resourceVersion}");
    const before = version();
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    must(version() === before, "a status was written");
  });
}

/** The other cluster's API server, by a Secret, in place of the member that it is. */
async function checkDirect(suite: Suite, lab: ResourceLab): Promise<void> {
  await suite.check("[DIR17] [CRD8] one with connection fields is read by the relay", async () => {
    lab.kubectl("app", "delete", "rcc", "db");
    lab.apply("app", "RemoteClusterConfiguration", "direct", {
      clusterAccessSecret: { name: "remote-db", namespace: "catwalk" },
    });
    await lab.row("app", "rcc", /\ndirect .*ConfigInComplete/);
    lab.allowSecret("app", "remote-db");
    lab.secretOf("app", "remote-db", "db");
    await lab.row("app", "rcc", /\ndirect .*InSync +0 /);
    lab.kubectl("app", "wait", "--for=condition=Connected", "rcc/direct", "--timeout=30s");
    // That cluster has no pools, so that no address is its own; profiles have none.
    must((await lab.seen("app", "direct")) > 0, "nothing of it is served");
    lab.kubectl("app", "delete", "rcc", "direct");
    await eventually(
      () => lab.seen("app", "direct"),
      (count) => count === 0,
    );
    lab.apply("app", "RemoteClusterConfiguration", "db", {});
    await lab.row("app", "rcc", /\ndb +db +InSync +1 /);
  });
}

async function checkEnds(suite: Suite, lab: ResourceLab): Promise<void> {
  await suite.check("[CRD7] a CRD that is deleted deletes nothing at the hub", async () => {
    lab.kubectl("app", "delete", "crd", "remoteclusterconfigurations.catwalk.dev", "--timeout=60s");
    await eventually(
      () => lab.problems("app"),
      (text) => text.includes("vanished with their CRD") && text.includes("is not there"),
    );
    const rccs = await lab.atHub("rcc", "list", "--cluster", "app");
    must(/db +db +granted/.test(rccs), rccs);
    lab.applyDefinitions("app");
    lab.apply("app", "RemoteClusterConfiguration", "db", {});
    await lab.row("app", "rcc", /\ndb +db +InSync +1 /);
  });
  await suite.check(
    "[CRD9] a writer killed, and the hub away: what changed is made up for",
    async () => {
      await lab.rig.killRelay("app");
      await lab.rig.stopHub();
      lab.kubectl("app", "delete", "rcc", "db");
      lab.apply("app", "RemoteClusterConfiguration", "far", {});
      lab.kubectl("app", "annotate", "rcc", "far", "catwalk.dev/remote-cluster=db");
      await lab.startRelay("app");
      await lab.row("app", "rcc", /\nfar .*hub is not reachable/);
      await lab.rig.startHub();
      await lab.row("app", "rcc", /\nfar +db +InSync +1 /);
      const rccs = await lab.atHub("rcc", "list", "--cluster", "app", "-o", "name");
      must(rccs.trim() === "far", rccs);
    },
  );
  await suite.check(
    "[CRD6] a grant deleted in its cluster: the edge ends in the other",
    async () => {
      lab.kubectl("db", "delete", "rcg", "app");
      await lab.row("app", "rcc", /\nfar +db +NotGranted +0 /);
      lab.kubectl("app", "delete", "rcc", "far");
      await eventually(
        () => lab.atHub("rcc", "list", "--cluster", "app"),
        (text) => text.includes("has no RCCs"),
      );
    },
  );
}
