/**
 * The manifests of `deploy/relay` on a real API server: it takes them; with the rights that they
 * give to the relay's account everything that the relay asks is answered, and without any one of
 * them something is forbidden. [DEP1..DEP3]
 */
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { parse, stringify } from "yaml";

import { peerFinder } from "../../relay/peers/find-peers.ts";
import { KubernetesSource } from "../../relay/source/kubernetes/kubernetes-source.ts";
import { listingTransport } from "../../relay/kube/list-slices.ts";
import { ServiceUpstream } from "../../relay/typha/upstream/upstream.ts";
import { eventually } from "../support/mesh-rig.ts";
import { KubeClient } from "./kube-client.ts";
import type { KubeServer } from "./kube-server.ts";
import { sourceDump } from "./source-golden.ts";
import type { Group } from "./source-golden.ts";
import { mustEqual } from "./suite.ts";
import type { Suite } from "./suite.ts";

const FOLDER = new URL("../../deploy/relay/", import.meta.url).pathname;
const ROLES = "/apis/rbac.authorization.k8s.io/v1/clusterroles";
const ACCOUNT = "/api/v1/namespaces/catwalk/serviceaccounts/catwalk-relay";
const NODE = "10.9.9.9";

export interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

export interface Role {
  readonly rules: readonly Rule[];
}

export function kubectl(kube: KubeServer, ...args: readonly string[]): string {
  const all = ["--kubeconfig", kube.kubeconfig, ...args];
  const { status, stdout, stderr, error } = spawnSync("kubectl", all, { encoding: "utf8" });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`kubectl ${args.join(" ")} ended with ${status}: ${stderr}`);
  return stdout;
}

/** The same server, as the relay's own account. */
export async function relayKubeconfig(kube: KubeServer, api: KubeClient): Promise<string> {
  const { status } = (await api.send("POST", `${ACCOUNT}/token`, {
    apiVersion: "authentication.k8s.io/v1",
    kind: "TokenRequest",
    spec: { expirationSeconds: 3_600 },
  })) as { readonly status: { readonly token: string } };
  const config = parse(kubectl(kube, "config", "view", "--raw")) as { users: unknown[] };
  config.users = [{ name: "admin", user: { token: status.token } }];
  const path = join(kube.folder, "relay.kubeconfig.yaml");
  writeFileSync(path, stringify(config), { mode: 0o600 });
  return path;
}

/** What of all that a relay asks is forbidden, as the server says it. */
async function forbidden(kubeconfig: string): Promise<string[]> {
  const source = new KubernetesSource({ kubeconfig, env: {} });
  const nothing = (): void => undefined;
  source.start({ apply: nothing, listed: nothing, problem: nothing, solved: nothing });
  const said: string[] = [];
  try {
    const { collections } = await eventually(
      () => Promise.resolve(source.health()),
      (health) => health.collections.every(({ state }) => state !== "listing"),
    );
    said.push(
      ...collections.flatMap(({ name, state, reason }) =>
        state === "failing" ? [`${name}: ${reason}`] : [],
      ),
    );
    await source.policies().then(
      ({ unread }) => said.push(...unread.map(({ message }) => message)),
      (error: unknown) => said.push(String(error)),
    );
  } finally {
    await source.stop();
  }
  const transport = listingTransport(kubeconfig);
  const options = { namespace: "catwalk", service: "catwalk-relay", nodeName: "", transport };
  const dialled = await new ServiceUpstream(options, (address) =>
    Promise.resolve(`dialled ${address}`),
  ).dial();
  if (dialled !== `${NODE}:5474: dialled ${NODE}:5474`) said.push(JSON.stringify(dialled));
  const find = peerFinder(
    { peersService: "catwalk/catwalk-relay", peers: undefined, kubeconfig },
    null,
  );
  const peers = await find?.(AbortSignal.timeout(10_000)).catch(String);
  if (peers?.toString() !== `${NODE}:5475`) said.push(`peers: ${String(peers)}`);
  return said;
}

/** Every way to take one resource or verb from a role. */
export function* lesserRoles(role: Role): Generator<readonly [what: string, lesser: Role]> {
  for (const [at, rule] of role.rules.entries()) {
    const replaced = (lesser: Partial<Rule>): Role => ({
      ...role,
      rules: role.rules.with(at, { ...rule, ...lesser }),
    });
    for (const verb of rule.verbs) {
      const verbs = rule.verbs.filter((other) => other !== verb);
      for (const resource of rule.resources) {
        const resources = rule.resources.filter((other) => other !== resource);
        const rest = { ...rule, resources: [resource], verbs };
        const { rules } = replaced({ resources });
        const lesser = [...rules, rest].filter(
          (one) => one.resources.length * one.verbs.length > 0,
        );
        yield [`${verb} ${resource}`, { ...role, rules: lesser }];
      }
    }
  }
}

async function refused(ask: () => Promise<unknown>): Promise<void> {
  const said = await ask().then(() => "it was taken", String);
  if (!said.includes("labels of catwalk.dev say which remote")) throw new Error(said);
}

/** @param kube With the recorded fixtures in it. */
export async function checkDeploy(suite: Suite, kube: KubeServer, group: Group): Promise<void> {
  const api = new KubeClient(kube.kubeconfig);
  let kubeconfig = "";
  try {
    await suite.check("the manifests of deploy/relay are taken, twice without a change", () => {
      const path = join(FOLDER, "source-kubernetes");
      kubectl(kube, "apply", "-k", FOLDER);
      kubectl(kube, "apply", "-k", path);
      const again = kubectl(kube, "apply", "-k", path);
      if (/created|configured/.test(again)) throw new Error(again);
      kubectl(kube, "apply", "--dry-run=server", "-f", join(FOLDER, "cleanup/namespace.yaml"));
    });
    await suite.check(
      "[DEP5] local objects get no labels of catwalk.dev, by name; those they had may stay",
      async () => {
        const post = (
          path: string,
          name: string,
          labels: Record<string, string>,
        ): Promise<unknown> => api.send("POST", path, { metadata: { name, labels } });
        const accounts = "/api/v1/namespaces/default/serviceaccounts";
        const forged = { "db.catwalk.dev/role": "postgres" };
        await eventually(
          () => post("/api/v1/namespaces?dryRun=All", "forged", forged).then(String, String),
          (said) => said.includes("metadata.labels: db.catwalk.dev/role: labels of catwalk.dev"),
        );
        await refused(() => post(accounts, "forged", { "catwalk.dev/cluster": "db" }));
        await post(accounts, "honest", { "catwalk.dev.example.com/cluster": "db" });
        const merge = (labels: Record<string, string>): Promise<unknown> =>
          api.send("PATCH", `${accounts}/honest`, { metadata: { labels } });
        await refused(() => merge(forged));
        const binding = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings";
        await api.send("PATCH", `${binding}/catwalk-label-domain`, {
          spec: { validationActions: ["Warn"] },
        });
        await eventually(
          () => merge(forged).then(() => "", String),
          (said) => said === "",
        );
        await api.send("PATCH", `${binding}/catwalk-label-domain`, {
          spec: { validationActions: ["Deny"] },
        });
        let tries = 0;
        await eventually(
          () => merge({ "db.catwalk.dev/role": `other-${++tries}` }).then(() => "", String),
          (said) => said.includes("db.catwalk.dev/role"),
        );
        await merge({ app: "web" });
        await api.send("DELETE", `${accounts}/honest`);
      },
    );
    await suite.check(`with the relay's rights nothing is forbidden (${group})`, async () => {
      // As Kubernetes makes it of the service and a pod on the host's network.
      await api.send("POST", "/apis/discovery.k8s.io/v1/namespaces/catwalk/endpointslices", {
        apiVersion: "discovery.k8s.io/v1",
        kind: "EndpointSlice",
        metadata: {
          name: "catwalk-relay-1",
          labels: { "kubernetes.io/service-name": "catwalk-relay" },
        },
        addressType: "IPv4",
        endpoints: [{ addresses: [NODE], conditions: { ready: true }, nodeName: "node-a" }],
        ports: [
          { name: "calico-typha", port: 5474, protocol: "TCP" },
          { name: "catwalk-peers", port: 5475, protocol: "TCP" },
        ],
      });
      kubeconfig = await relayKubeconfig(kube, api);
      await eventually(
        () => forbidden(kubeconfig),
        (said) => said.length === 0,
      );
      mustEqual(sourceDump(kubeconfig), sourceDump(kube.kubeconfig));
    });
    for (const name of ["catwalk-relay", "catwalk-relay-source"])
      await suite.check(`without any one right of ${name} something is forbidden`, async () => {
        const role = (await api.send("GET", `${ROLES}/${name}`)) as Role;
        const setRules = async (
          rules: readonly Rule[],
          check: (said: readonly string[]) => boolean,
        ): Promise<void> => {
          await api.send("PATCH", `${ROLES}/${name}`, { metadata: { name }, rules });
          await eventually(() => forbidden(kubeconfig), check);
        };
        for (const [what, { rules }] of lesserRoles(role)) {
          await setRules(
            rules,
            (said) => said.length > 0 && said.every((text) => /403|forbidden/.test(text)),
          ).catch((error: unknown) => {
            throw new Error(`without ${what}: ${(error as Error).message}`, { cause: error });
          });
          // So that what is forbidden next is not what was.
          await setRules(role.rules, (said) => said.length === 0);
        }
      });
    await suite.check(
      "deploy/relay is taken out again, and leaves nothing of its own",
      async () => {
        kubectl(kube, "delete", "--timeout=60s", "-k", join(FOLDER, "source-kubernetes"));
        const kinds =
          "namespaces,clusterroles,clusterrolebindings,validatingadmissionpolicies,validatingadmissionpolicybindings";
        const left = kubectl(kube, "get", kinds, "-o", "name");
        if (left.includes("catwalk")) throw new Error(left);
      },
    );
  } finally {
    api.close();
  }
}
