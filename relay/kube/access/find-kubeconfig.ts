/**
 * Where the access to an API server is described, in kubectl's order: the file of `--kubeconfig`;
 * else the files that `KUBECONFIG` lists, of which those that are missing are passed over; else
 * `~/.kube/config`; and where none of these says anything, the pod's own service account. [SRC80]
 */
import { readFile, stat } from "node:fs/promises";
import { delimiter, join, resolve } from "node:path";

import { isSystemError } from "../../lib/system-error.ts";
import { errorText } from "../../../shared/lib/error-text.ts";
import { formatHostPort } from "../../lib/host-port.ts";
import type { Kubeconfig, KubeUser } from "./kubeconfig.ts";
import { mergeKubeconfigs, parseKubeconfig } from "./kubeconfig.ts";
import { ANONYMOUS, chooseAccess } from "./select-access.ts";
import type { ChosenAccess } from "./select-access.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** Of the pod: `token` and `ca.crt`, replaced by the kubelet when they change. */
export const ACCOUNT_FOLDER = "/var/run/secrets/kubernetes.io/serviceaccount";

export interface WhereToLook {
  /** `--kubeconfig`. */
  readonly kubeconfig?: string | undefined;
  readonly env: Environment;
  /** Tests bring their own. */
  readonly accountFolder?: string;
  /** Says it itself, instead of any file: asked with every request. */
  readonly find?: (() => Promise<ChosenAccess>) | undefined;
}

/** Parsed files, by path: a file whose text is the same is not parsed again. */
export type ParsedFiles = Map<string, { readonly text: string; readonly config: Kubeconfig }>;

/** @throws Error naming the file and what is wrong with it, or saying where nothing was found. */
export async function findAccess(where: WhereToLook, parsed: ParsedFiles): Promise<ChosenAccess> {
  const { kubeconfig, env } = where;
  if (where.find !== undefined) return where.find();
  if (kubeconfig !== undefined && kubeconfig !== "") {
    const config = await readConfig(resolve(kubeconfig), parsed);
    if (config === null) throw new Error(`there is no kubeconfig ${kubeconfig}`);
    return chosen(config, kubeconfig);
  }
  const paths = pathsOf(env);
  const found = await Promise.all(paths.map((path) => readConfig(path, parsed)));
  const configs = found.filter((config) => config !== null);
  const merged = mergeKubeconfigs(configs);
  const isEmpty = merged.clusters.size + merged.users.size + merged.contexts.size === 0;
  if (!isEmpty) return chosen(merged, paths.join(delimiter));
  const own = await ownAccount(env, where.accountFolder ?? ACCOUNT_FOLDER);
  if (own !== null) return own;
  throw new Error(
    `no API server is named: give --kubeconfig FILE, or KUBECONFIG, or run in a pod (looked at ${paths.join(", ")})`,
  );
}

/** An empty entry of the list is none. */
function pathsOf(env: Environment): readonly string[] {
  const listed = (env["KUBECONFIG"] ?? "").split(delimiter).filter((path) => path !== "");
  if (listed.length > 0) return [...new Set(listed.map((path) => resolve(path)))];
  const home = env["HOME"] ?? "";
  return home === "" ? [] : [join(home, ".kube", "config")];
}

function chosen(config: Kubeconfig, name: string): ChosenAccess {
  const choice = chooseAccess(config);
  if (!choice.ok) throw new Error(`kubeconfig ${name}: ${choice.message}`);
  return choice.access;
}

/** `null`: there is no such file. */
async function readConfig(path: string, parsed: ParsedFiles): Promise<Kubeconfig | null> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if (isSystemError(error, "ENOENT")) return null;
    throw new Error(`kubeconfig ${path}: ${errorText(error)}`, { cause: error });
  }
  const known = parsed.get(path);
  if (known?.text === text) return known.config;
  const result = parseKubeconfig(text, path);
  if (!result.ok) throw new Error(`kubeconfig ${result.message}`);
  parsed.set(path, { text, config: result.config });
  return result.config;
}

/**
 * As client-go's in-cluster configuration: address from the environment, token and authority from
 * files.
 */
async function ownAccount(env: Environment, folder: string): Promise<ChosenAccess | null> {
  const [host = "", port = ""] = [env["KUBERNETES_SERVICE_HOST"], env["KUBERNETES_SERVICE_PORT"]];
  const tokenFile = join(folder, "token");
  if (host === "" || port === "" || !(await isFile(tokenFile))) return null;
  const caFile = join(folder, "ca.crt");
  const user: KubeUser = { ...ANONYMOUS, tokenFile };
  const server = `https://${formatHostPort(host, port)}`;
  if (!URL.canParse(server))
    throw new Error(`KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT: ${server} is no URL`);
  return {
    cluster: {
      server,
      caFile: (await isFile(caFile)) ? caFile : "",
      caData: "",
      isInsecure: false,
      tlsServerName: "",
      proxyUrl: "",
      execConfig: undefined,
    },
    user,
    base: withoutSlash(new URL(server)),
  };
}

function withoutSlash(url: URL): URL {
  url.pathname = "";
  return url;
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}
