/**
 * How the hub is reached over TLS: through the proxy that the environment names (`HTTPS_PROXY`,
 * `NO_PROXY`, either case; CONNECT, with the URL's credentials), and trusting whom. Node's own
 * agent does both. A hub with a plain `http` URL is in the same network: it is always dialled
 * directly, whatever `HTTP_PROXY` says, because proxies do not pass its WebSockets on. [CRE9]
 * [CRE10]
 */
import { readFileSync } from "node:fs";
import { Agent } from "node:https";
import { getCACertificates } from "node:tls";

import { errorText } from "../../shared/lib/error-text.ts";

/** More than a corporate bundle holds. */
const MAX_CA_BYTES = 4 * 1024 * 1024;

type Environment = Readonly<Record<string, string | undefined>>;

export interface RouteOptions {
  /**
   * PEM file of certificates that are trusted beside Node's own (and those of
   * `NODE_EXTRA_CA_CERTS`).
   */
  readonly caFile?: string | undefined;
  readonly env?: Environment;
}

/** The way to one hub. */
export interface HubRoute {
  /** For its requests; `undefined` for a hub without TLS. */
  readonly agent: Agent | undefined;
  /** An error of a connection as a sentence for whoever has to do something about it. */
  describe(error: unknown): string;
}

/** @throws Error naming the CA file and what is wrong with it. */
export function routeTo(hub: string, options: RouteOptions = {}): HubRoute {
  const { caFile, env = process.env } = options;
  const ca = caFile === undefined ? undefined : [...getCACertificates(), readCa(caFile)];
  if (!/^(https|wss):/.test(hub))
    return { agent: undefined, describe: (error) => describeError(error, hub, undefined) };
  const proxyEnv = proxyOf(env);
  const agent = new Agent({ proxyEnv, ...(ca === undefined ? {} : { ca }) });
  return { agent, describe: (error) => describeError(error, hub, proxyEnv["https_proxy"]) };
}

/** Only what concerns a hub over TLS. */
export function proxyOf(env: Environment): NodeJS.ProcessEnv {
  const proxy = env["https_proxy"] || env["HTTPS_PROXY"];
  const except = env["no_proxy"] || env["NO_PROXY"];
  return {
    ...(proxy === undefined || proxy === "" ? {} : { https_proxy: proxy }),
    ...(except === undefined || except === "" ? {} : { no_proxy: except }),
  };
}

function readCa(path: string): string {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new Error(`--hub-ca-file ${path}: ${errorText(error)}`, { cause: error });
  }
  if (text.length > MAX_CA_BYTES)
    throw new Error(`--hub-ca-file ${path}: has more than ${MAX_CA_BYTES} bytes`);
  if (!/-----BEGIN CERTIFICATE-----[\s\S]+-----END CERTIFICATE-----/.test(text))
    throw new Error(`--hub-ca-file ${path}: holds no certificate (PEM, BEGIN CERTIFICATE)`);
  return text;
}

/**
 * Codes of OpenSSL's verification (node:tls, "X509 certificate error codes"), and who can do what.
 */
const UNTRUSTED = new Set([
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "CERT_UNTRUSTED",
]);
const OUT_OF_TIME = new Set(["CERT_HAS_EXPIRED", "CERT_NOT_YET_VALID"]);

function describeError(error: unknown, hub: string, proxy: string | undefined): string {
  if (!(error instanceof Error)) return String(error);
  const cause: NodeJS.ErrnoException & { readonly port?: number } =
    error.cause instanceof Error ? error.cause : error;
  const code = cause.code ?? "";
  const { hostname, host } = new URL(hub);
  // Node adds advice about its own flags.
  const message = cause.message.split(";")[0] ?? "";
  if (UNTRUSTED.has(code))
    return `the certificate of ${host} is not trusted here (${message}): name a file with its authority's in --hub-ca-file (a relay's) or NODE_EXTRA_CA_CERTS`;
  if (OUT_OF_TIME.has(code))
    return `the certificate of ${host} is not valid at this time (${message}): it is out of date, or this machine's clock is wrong`;
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID")
    return `the certificate that ${host} shows is not for ${hostname}: ${message}`;
  if (code === "ERR_PROXY_TUNNEL") return `the proxy does not connect to ${host}: ${message}`;
  if (proxy !== undefined && URL.canParse(proxy)) {
    const { hostname: proxyHost, port } = new URL(proxy);
    if (String(cause.port) === port)
      return `the proxy ${proxyHost}:${port} is not there: ${message}`;
  }
  // Several addresses were tried: the message is empty, the code is that of the last.
  return message || code || cause.name;
}
