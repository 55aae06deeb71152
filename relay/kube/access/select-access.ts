/**
 * Which server and which credentials a kubeconfig means, or what kubectl would refuse in it: fields
 * that contradict one another are an error there and here, so that no one of them is silently
 * preferred. Source: client-go tools/clientcmd (validation.go, client_config.go),
 * rest/url_utils.go. [SRC81]
 */
import type { KubeCluster, Kubeconfig, KubeUser } from "./kubeconfig.ts";

export interface ChosenAccess {
  readonly cluster: KubeCluster;
  readonly user: KubeUser;
  /** With its path, without a slash at the end. */
  readonly base: URL;
}

export type Chosen =
  | { readonly ok: true; readonly access: ChosenAccess }
  | { readonly ok: false; readonly message: string };

const EXEC_VERSIONS = ["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"];
const INTERACTIVE_MODES = ["Never", "IfAvailable", "Always"];

export const ANONYMOUS: KubeUser = {
  certFile: "",
  certData: "",
  keyFile: "",
  keyData: "",
  token: "",
  tokenFile: "",
  username: "",
  password: "",
  as: "",
  asUid: "",
  asGroups: [],
  asExtra: {},
  exec: null,
  authProvider: null,
};

export function chooseAccess(config: Kubeconfig): Chosen {
  const { currentContext } = config;
  if (currentContext === "")
    return { ok: false, message: "current-context: is not set, so no cluster is chosen" };
  const context = config.contexts.get(currentContext);
  const quoted = JSON.stringify(currentContext);
  if (context === undefined)
    return { ok: false, message: `current-context: there is no context ${quoted}` };
  const cluster = config.clusters.get(context.cluster);
  if (cluster === undefined)
    return {
      ok: false,
      message: `context ${quoted}: there is no cluster ${JSON.stringify(context.cluster)}`,
    };
  const user = context.user === "" ? ANONYMOUS : config.users.get(context.user);
  if (user === undefined)
    return {
      ok: false,
      message: `context ${quoted}: there is no user ${JSON.stringify(context.user)}`,
    };
  const wrong =
    wrongInCluster(cluster, `cluster ${JSON.stringify(context.cluster)}`) ??
    wrongInUser(user, `user ${JSON.stringify(context.user)}`);
  if (wrong !== null) return { ok: false, message: wrong };
  const base = baseUrl(cluster);
  if (typeof base === "string")
    return { ok: false, message: `cluster ${JSON.stringify(context.cluster)}: server: ${base}` };
  return { ok: true, access: { cluster, user, base } };
}

function wrongInCluster(cluster: KubeCluster, name: string): string | null {
  const { server, caFile, caData, isInsecure, proxyUrl } = cluster;
  if (server === "") return `${name}: server: is needed`;
  if (caFile !== "" && caData !== "")
    return `${name}: certificate-authority and certificate-authority-data are both given`;
  if (isInsecure && (caFile !== "" || caData !== ""))
    return `${name}: insecure-skip-tls-verify goes without a certificate-authority`;
  if (proxyUrl === "") return null;
  if (!URL.canParse(proxyUrl)) return `${name}: proxy-url: must be a URL`;
  const isKnown = ["http:", "https:", "socks5:"].includes(new URL(proxyUrl).protocol);
  return isKnown ? null : `${name}: proxy-url: must begin with http://, https:// or socks5://`;
}

function wrongInUser(user: KubeUser, name: string): string | null {
  const { certFile, certData, keyFile, keyData, exec } = user;
  const isBasic = user.username !== "" || user.password !== "";
  if (user.token !== "" && isBasic) return `${name}: token and username are both given`;
  if (certFile !== "" && certData !== "")
    return `${name}: client-certificate and client-certificate-data are both given`;
  if (keyFile !== "" && keyData !== "")
    return `${name}: client-key and client-key-data are both given`;
  const [hasCert, hasKey] = [certFile + certData !== "", keyFile + keyData !== ""];
  if (hasCert && !hasKey) return `${name}: client-key or client-key-data is needed`;
  if (hasKey && !hasCert) return `${name}: client-certificate or client-certificate-data is needed`;
  const impersonatesMore =
    user.asUid !== "" || user.asGroups.length > 0 || Object.keys(user.asExtra).length > 0;
  if (impersonatesMore && user.as === "")
    return `${name}: as is needed with as-uid, as-groups and as-user-extra`;
  if (exec === null) return null;
  if (user.authProvider !== null) return `${name}: exec and auth-provider are both given`;
  if (exec.command === "") return `${name}: exec.command: is needed`;
  if (!EXEC_VERSIONS.includes(exec.apiVersion))
    return `${name}: exec.apiVersion: must be ${EXEC_VERSIONS.join(" or ")}`;
  if (exec.env.some((variable) => variable.name === ""))
    return `${name}: exec.env: every variable needs a name`;
  const mayLackMode = exec.apiVersion === EXEC_VERSIONS[1];
  if (!INTERACTIVE_MODES.includes(exec.interactiveMode) && !(mayLackMode && !exec.interactiveMode))
    return `${name}: exec.interactiveMode: must be ${INTERACTIVE_MODES.join(", ")}`;
  return exec.interactiveMode === "Always"
    ? `${name}: exec.interactiveMode: Always asks for a terminal, which a relay does not have`
    : null;
}

/** `https://host:port/path`, or a bare `host:port`, which is http. */
function baseUrl({ server }: KubeCluster): URL | string {
  const hasScheme = /^[a-zA-Z][a-zA-Z0-9+.-]*:\/\/[^/]/.test(server);
  const given = hasScheme ? server : `http://${server}`;
  if (!URL.canParse(given)) return `${JSON.stringify(server)} must be a URL or HOST:PORT`;
  const url = new URL(given);
  if (!hasScheme && url.pathname !== "/")
    return `${JSON.stringify(server)} must be a URL or HOST:PORT`;
  if (url.protocol !== "http:" && url.protocol !== "https:")
    return `${JSON.stringify(server)} must begin with http:// or https://`;
  url.pathname = url.pathname.replaceAll(/\/{2,}/g, "/").replace(/\/$/, "");
  url.search = "";
  url.hash = "";
  return url;
}
