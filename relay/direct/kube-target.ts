/**
 * The API server of an RCC: its kubeconfig, or its `k8s*` fields, or both. As Calico has it: an
 * inline kubeconfig takes no overrides, files take all of them. Plugins are refused: a document
 * that somebody pasted would run a program in the relay. [DIR6]
 *
 * Source: calico v3.32.1 libcalico-go/lib/backend/k8s/client.go (CreateKubernetesClientset).
 */
import type { FieldProblem } from "../../shared/visibility/field-problem.ts";
import type { RccSpec } from "../../shared/visibility/rcc-connection.ts";
import { mergeKubeconfigs, parseKubeconfig } from "../kube/access/kubeconfig.ts";
import type { Kubeconfig, KubeCluster, KubeUser } from "../kube/access/kubeconfig.ts";
import { ANONYMOUS, chooseAccess } from "../kube/access/select-access.ts";
import type { ChosenAccess } from "../kube/access/select-access.ts";

/** A file's text; `null`: there is none. @throws Error for one that cannot be read. */
export type ReadText = (path: string) => Promise<string | null>;

export type KubeTarget =
  | { readonly ok: true; readonly access: ChosenAccess }
  | { readonly ok: false; readonly problems: readonly FieldProblem[] };

const NO_CLUSTER: KubeCluster = {
  server: "",
  caFile: "",
  caData: "",
  isInsecure: false,
  tlsServerName: "",
  proxyUrl: "",
  execConfig: undefined,
};

/** Stands where a kubeconfig has no folder: paths in it count from nowhere. */
const NO_FOLDER = "/kubeconfigInline";

/** @param mayBeInsecure An operator allows remotes whose certificate is not checked. */
export async function readKubeTarget(
  spec: RccSpec,
  readText: ReadText,
  mayBeInsecure: boolean,
): Promise<KubeTarget> {
  const { kubeconfigInline, kubeconfig, k8sAPIEndpoint } = spec;
  if (kubeconfigInline !== undefined) {
    const parsed = parseKubeconfig(kubeconfigInline, NO_FOLDER);
    if (!parsed.ok) return wrong("kubeconfig", withoutFolder(parsed.message));
    return choose(parsed.config, "kubeconfig", true, mayBeInsecure);
  }
  if (kubeconfig === undefined)
    return k8sAPIEndpoint === undefined
      ? wrong("spec.kubeconfig", "is needed, or k8sAPIEndpoint, or clusterAccessSecret")
      : choose(overridden(EMPTY, spec), "spec.k8sAPIEndpoint", false, mayBeInsecure);
  const read = await readFiles(kubeconfig, readText);
  if (typeof read === "string") return wrong("spec.kubeconfig", read);
  return choose(overridden(read, spec), "spec.kubeconfig", false, mayBeInsecure);
}

const EMPTY: Kubeconfig = {
  clusters: new Map(),
  users: new Map(),
  contexts: new Map(),
  currentContext: "",
};

/** One file must be there; of several those that are missing are passed over. */
async function readFiles(list: string, readText: ReadText): Promise<Kubeconfig | string> {
  const paths = list.split(":").filter((path) => path !== "");
  const configs: Kubeconfig[] = [];
  for (const path of paths) {
    const text = await readText(path);
    if (text === null) continue;
    const parsed = parseKubeconfig(text, path);
    if (!parsed.ok) return parsed.message;
    configs.push(parsed.config);
  }
  if (configs.length === 0) return `there is no file ${paths.join(", ")}`;
  return mergeKubeconfigs(configs);
}

/** The fields of the document lie over what the current context says. */
function overridden(config: Kubeconfig, spec: RccSpec): Kubeconfig {
  const context = config.contexts.get(config.currentContext);
  const cluster = config.clusters.get(context?.cluster ?? "") ?? NO_CLUSTER;
  const user = config.users.get(context?.user ?? "") ?? ANONYMOUS;
  const isBare = config.contexts.size === 0 && config.clusters.size === 0;
  if (!isBare && context === undefined) return config;
  const { k8sAPIEndpoint, k8sCAFile, k8sInsecureSkipTLSVerify } = spec;
  const withCa = k8sCAFile === undefined ? {} : { caFile: k8sCAFile, caData: "" };
  const insecure = k8sInsecureSkipTLSVerify === true ? { isInsecure: true } : {};
  return {
    clusters: new Map([
      ["remote", { ...cluster, server: k8sAPIEndpoint ?? cluster.server, ...withCa, ...insecure }],
    ]),
    users: new Map([["remote", overriddenUser(user, spec)]]),
    contexts: new Map([["remote", { ...context, cluster: "remote", user: "remote" }]]),
    currentContext: "remote",
  };
}

function overriddenUser(user: KubeUser, spec: RccSpec): KubeUser {
  const { k8sCertFile, k8sKeyFile, k8sAPIToken } = spec;
  return {
    ...user,
    ...(k8sCertFile === undefined ? {} : { certFile: k8sCertFile, certData: "" }),
    ...(k8sKeyFile === undefined ? {} : { keyFile: k8sKeyFile, keyData: "" }),
    ...(k8sAPIToken === undefined ? {} : { token: k8sAPIToken, tokenFile: "" }),
  };
}

function choose(
  config: Kubeconfig,
  field: string,
  isInline: boolean,
  mayBeInsecure: boolean,
): KubeTarget {
  const chosen = chooseAccess(config);
  if (!chosen.ok) return wrong(field, chosen.message);
  const { user, cluster } = chosen.access;
  if (user.exec !== null)
    return wrong(field, "has an exec plugin, which would run a program in the relay: give a token");
  if (user.authProvider !== null)
    return wrong(field, "has an auth-provider, which a relay does not run: give a token");
  if (isInline && [cluster.caFile, user.certFile, user.keyFile, user.tokenFile].some(Boolean))
    return wrong(field, "names files, which a Secret cannot bring: give the …-data fields");
  if (cluster.isInsecure && !mayBeInsecure)
    return wrong(
      field,
      "skips the check of the server's certificate: allowed only with --rcc-insecure-tls",
    );
  return { ok: true, access: chosen.access };
}

function wrong(field: string, rule: string): KubeTarget {
  return { ok: false, problems: [{ field, rule }] };
}

function withoutFolder(message: string): string {
  return message.replace(`${NO_FOLDER}: `, "");
}
