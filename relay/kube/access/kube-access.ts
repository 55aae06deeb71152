/**
 * How an API server is reached and by whom, as kubectl would with the same files and environment.
 * Everything is read anew for each request (a few small files), so that a replaced kubeconfig,
 * authority, certificate or token is used by the next one; nothing is kept that the files no longer
 * say. [SRC82]
 *
 * `@kubernetes/client-node` does the two things here that are a protocol of their own: OpenID
 * Connect (`auth-provider`) and SOCKS.
 */
import { readFile } from "node:fs/promises";
import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import type { AgentOptions, RequestOptions } from "node:https";
import { isIP } from "node:net";
import { checkServerIdentity, getCACertificates } from "node:tls";
import type { PeerCertificate } from "node:tls";

import type { KubeConfig } from "@kubernetes/client-node";

import { errorText } from "../../../shared/lib/error-text.ts";
import { SOFTWARE } from "../../lib/version.ts";
import { ExecCredentials } from "./exec-credential.ts";
import type { ClusterInfo, ExecCredential } from "./exec-credential.ts";
import { findAccess } from "./find-kubeconfig.ts";
import type { ParsedFiles, WhereToLook } from "./find-kubeconfig.ts";
import { impersonation } from "./impersonation.ts";
import type { KubeCluster, KubeUser } from "./kubeconfig.ts";
import { proxyOf } from "./proxy-environment.ts";
import type { ChosenAccess } from "./select-access.ts";
import { TlsProxyAgent } from "./tls-proxy-agent.ts";

/** Noticed by the kernel where the other end is gone and nobody says so. */
const KEEP_ALIVE_MS = 30_000;

/** One request's way. */
export interface Way {
  /** To which the path is added. */
  readonly base: URL;
  readonly options: RequestOptions;
  /** The server has answered 401: what can be asked for anew is. */
  readonly refused: () => void;
}

interface TlsPart {
  readonly ca?: string | readonly string[];
  readonly cert?: string;
  readonly key?: string;
  readonly rejectUnauthorized?: false;
  readonly servername?: string;
}

type Headers = Record<string, string | string[]>;

interface Credentials {
  readonly headers: Headers;
  readonly tls: TlsPart;
  /** Where a plugin gave them. */
  readonly exec: ExecCredential | null;
}

const NOBODY: Credentials = { headers: {}, tls: {}, exec: null };

export class KubeAccess {
  readonly #where: WhereToLook;
  readonly #parsed: ParsedFiles = new Map();
  readonly #exec: ExecCredentials;
  /** Of the last request: sockets and TLS sessions of one way are not used for another. */
  #agent: { readonly of: string; readonly agent: HttpAgent } | null = null;
  #provider: { readonly of: string; readonly config: KubeConfig } | null = null;

  constructor(where: WhereToLook) {
    this.#where = where;
    this.#exec = new ExecCredentials(where.env);
  }

  /** @throws Error that names the file and field, or the plugin, and what is wrong. */
  async way(): Promise<Way> {
    const access = await findAccess(this.#where, this.#parsed);
    const { cluster, user, base } = access;
    const isTls = base.protocol === "https:";
    const headers: Headers = { accept: "application/json", "user-agent": SOFTWARE };
    Object.assign(headers, impersonation(user));
    // Nobody's secret goes over a connection that others can read: so has kubectl it.
    const who = isTls ? await this.#credentials(access) : NOBODY;
    Object.assign(headers, who.headers);
    const tls = isTls ? { ...(await trustOf(cluster)), ...who.tls } : {};
    const proxy = cluster.proxyUrl === "" ? proxyOf(base, this.#where.env) : cluster.proxyUrl;
    const agent = await this.#agentFor(base, tls, proxy === null ? "" : String(proxy));
    const options: RequestOptions = { headers, agent, ...tlsOptions(tls) };
    return { base, options, refused: () => who.exec !== null && this.#exec.refused(who.exec) };
  }

  /** What the kubeconfig says itself counts before what a plugin would give. */
  async #credentials(access: ChosenAccess): Promise<Credentials> {
    const { cluster, user } = access;
    const tls = await certificateOf(user);
    const authorization = await authorizationOf(user);
    if (authorization !== null) return { headers: { authorization }, tls, exec: null };
    if (user.authProvider !== null)
      return { headers: await this.#providerHeaders(access), tls, exec: null };
    if (user.exec === null) return { ...NOBODY, tls };
    const exec = await this.#exec.get(user.exec, await clusterInfoOf(cluster));
    return {
      headers: exec.token === "" ? {} : { authorization: `Bearer ${exec.token}` },
      tls: exec.cert === "" ? tls : { cert: exec.cert, key: exec.key },
      exec,
    };
  }

  /** A new one whenever anything of the way is another. The old one's requests go on. */
  async #agentFor(base: URL, tls: TlsPart, proxy: string): Promise<HttpAgent> {
    const of = JSON.stringify([base.origin, tls, proxy]);
    if (this.#agent?.of === of) return this.#agent.agent;
    const agent = await newAgent(base, tls, proxy);
    this.#agent = { of, agent };
    return agent;
  }

  async #providerHeaders({ user, base }: ChosenAccess): Promise<Headers> {
    const of = JSON.stringify([user.authProvider, base.href]);
    if (this.#provider?.of !== of)
      this.#provider = { of, config: await libraryConfig({ base, user, proxyUrl: "" }) };
    const options: RequestOptions = { headers: {} };
    await this.#provider.config.applyToHTTPSOptions(options);
    return options.headers as Headers;
  }
}

async function newAgent(base: URL, tls: TlsPart, proxy: string): Promise<HttpAgent> {
  const options = { ...tlsOptions(tls), keepAlive: false, keepAliveMsecs: KEEP_ALIVE_MS };
  if (/^socks5h?:/.test(proxy)) {
    // Names are looked up by the proxy, as Go's client has it.
    const proxyUrl = proxy.replace(/^socks5h?:/, "socks5h:");
    const given: RequestOptions = {};
    const config = await libraryConfig({ base, user: null, proxyUrl });
    await config.applyToHTTPSOptions(given);
    return given.agent as HttpAgent;
  }
  if (proxy.startsWith("https:") && base.protocol === "https:")
    return new TlsProxyAgent(new URL(proxy), options);
  const proxied = proxy === "" ? {} : { proxyEnv: { https_proxy: proxy, http_proxy: proxy } };
  return base.protocol === "https:"
    ? new HttpsAgent({ ...options, ...proxied })
    : new HttpAgent({ ...options, ...proxied });
}

/** The library takes a second to load, so only who needs it pays for it. */
async function libraryConfig(of: {
  readonly base: URL;
  readonly user: KubeUser | null;
  readonly proxyUrl: string;
}): Promise<KubeConfig> {
  const { KubeConfig } = await import("@kubernetes/client-node");
  const config = new KubeConfig();
  const { authProvider = null } = of.user ?? {};
  config.loadFromOptions({
    clusters: [
      {
        name: "c",
        server: of.base.origin,
        // What is trusted is said with the request.
        skipTLSVerify: true,
        ...(of.proxyUrl !== "" && { proxyUrl: of.proxyUrl }),
      },
    ],
    users: [{ name: "u", ...(authProvider !== null && { authProvider }) }],
    contexts: [{ name: "x", cluster: "c", user: "u" }],
    currentContext: "x",
  });
  return config;
}

type TlsOptions = Pick<
  AgentOptions,
  "ca" | "cert" | "key" | "rejectUnauthorized" | "servername" | "checkServerIdentity"
>;

function tlsOptions(tls: TlsPart): TlsOptions {
  const { servername = "", ca, ...rest } = tls;
  const options: TlsOptions = { ...rest };
  if (ca !== undefined) options.ca = typeof ca === "string" ? ca : [...ca];
  if (servername === "") return options;
  // An address cannot be asked for by name, but it can be what the certificate is for.
  if (isIP(servername) === 0) return { ...options, servername };
  return {
    ...options,
    servername: "",
    checkServerIdentity: (_host: string, cert: PeerCertificate) =>
      checkServerIdentity(servername, cert),
  };
}

/**
 * Node's own authorities and the system's, as Go trusts them; read once, they are the machine's.
 */
let machineCertificates: readonly string[] | null = null;

async function trustOf(cluster: KubeCluster): Promise<TlsPart> {
  const servername = cluster.tlsServerName === "" ? {} : { servername: cluster.tlsServerName };
  if (cluster.isInsecure) return { ...servername, rejectUnauthorized: false };
  const ca = await pemOf("certificate-authority", cluster.caData, cluster.caFile);
  if (ca === "") {
    machineCertificates ??= [
      ...new Set([...getCACertificates("default"), ...getCACertificates("system")]),
    ];
    return { ...servername, ca: machineCertificates };
  }
  if (!ca.includes("-----BEGIN CERTIFICATE-----"))
    throw new Error(`certificate-authority ${cluster.caFile}: holds no certificate (PEM)`);
  return { ...servername, ca };
}

async function certificateOf(user: KubeUser): Promise<TlsPart> {
  const cert = await pemOf("client-certificate", user.certData, user.certFile);
  return cert === "" ? {} : { cert, key: await pemOf("client-key", user.keyData, user.keyFile) };
}

async function pemOf(field: string, data: string, file: string): Promise<string> {
  if (data !== "") return Buffer.from(data, "base64").toString("latin1");
  return file === "" ? "" : readText(field, file);
}

async function readText(field: string, file: string): Promise<string> {
  try {
    return await readFile(file, "latin1");
  } catch (error) {
    throw new Error(`${field} ${file}: ${errorText(error)}`, { cause: error });
  }
}

/** The token file wins over a token, which stands in for it where it cannot be read. */
async function authorizationOf(user: KubeUser): Promise<string | null> {
  const { token, tokenFile, username, password } = user;
  if (username !== "" || password !== "")
    return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
  if (tokenFile !== "") {
    try {
      const fresh = (await readText("tokenFile", tokenFile)).trim();
      if (fresh === "") throw new Error(`tokenFile ${tokenFile}: is empty`);
      return `Bearer ${fresh}`;
    } catch (error) {
      if (token === "") throw error;
    }
  }
  return token === "" ? null : `Bearer ${token}`;
}

/** With the names of the API (clientauthentication/v1 `Cluster`). */
async function clusterInfoOf(cluster: KubeCluster): Promise<ClusterInfo> {
  const ca = await pemOf("certificate-authority", cluster.caData, cluster.caFile);
  return {
    server: cluster.server,
    ...(cluster.tlsServerName !== "" && { "tls-server-name": cluster.tlsServerName }),
    ...(cluster.isInsecure && { "insecure-skip-tls-verify": true }),
    ...(ca !== "" && {
      "certificate-authority-data": Buffer.from(ca, "latin1").toString("base64"),
    }),
    ...(cluster.proxyUrl !== "" && { "proxy-url": cluster.proxyUrl }),
    config: cluster.execConfig ?? null,
  };
}
