/**
 * Which proxy the environment names for a request, by the rules of Go's clients, which differ from
 * Node's: a proxy may lack its scheme, `localhost` and loopback addresses never go through one, and
 * `NO_PROXY` has CIDRs, ports, and names that mean their subdomains too. Source:
 * golang.org/x/net/http/httpproxy; apimachinery util/net NewProxierWithNoProxyCIDR. [SRC84]
 */
import { isIP } from "node:net";

import { equalBytes } from "../../../shared/lib/bytes.ts";
import { canonicalIp, parseIp } from "../../../shared/ip/address.ts";
import { maskAddress, parseCidr } from "../../../shared/ip/cidr.ts";
import type { Environment } from "./find-kubeconfig.ts";

/** @returns A URL, or `null` for a direct connection. @throws Error naming the variable. */
export function proxyOf(target: URL, env: Environment): URL | null {
  const isHttps = target.protocol === "https:";
  const name = isHttps ? "HTTPS_PROXY" : "HTTP_PROXY";
  const given = env[name] || env[name.toLowerCase()] || "";
  if (given === "" || !usesProxy(target, env["NO_PROXY"] || env["no_proxy"] || "")) return null;
  const hasScheme = /^[a-zA-Z][a-zA-Z0-9+.-]*:\/\/./.test(given);
  const proxy = hasScheme ? given : `http://${given}`;
  if (!URL.canParse(proxy)) throw new Error(`${name}: must be the URL of a proxy`);
  const url = new URL(proxy);
  if (!["http:", "https:", "socks5:", "socks5h:"].includes(url.protocol))
    throw new Error(`${name}: must begin with http://, https:// or socks5://`);
  return url;
}

function usesProxy(target: URL, noProxy: string): boolean {
  const host = target.hostname.replace(/^\[|\]$/g, "").toLowerCase();
  const port = target.port || (target.protocol === "https:" ? "443" : "80");
  if (host === "" || host === "localhost" || isLoopback(host)) return false;
  return !noProxy.split(",").some((entry) => matches(entry.trim().toLowerCase(), host, port));
}

function isLoopback(host: string): boolean {
  return (isIP(host) === 4 && host.startsWith("127.")) || host === "::1";
}

function matches(entry: string, host: string, port: string): boolean {
  if (entry === "") return false;
  if (entry === "*") return true;
  if (entry.includes("/")) return isIn(entry, host);
  const [name, entryPort] = splitPort(entry);
  if (entryPort !== "" && entryPort !== port) return false;
  if (isIP(name) !== 0) return canonicalIp(name) === canonicalIp(host);
  // `.x` and `*.x` are subdomains only, `x` is x too.
  const suffix = name.startsWith("*.") ? name.slice(1) : name.startsWith(".") ? name : `.${name}`;
  return host.endsWith(suffix) || (suffix !== name && !name.startsWith("*.") && host === name);
}

function isIn(cidr: string, host: string): boolean {
  const net = parseCidr(cidr);
  const address = parseIp(host);
  if (net === null || address?.length !== net.address.length) return false;
  return equalBytes(maskAddress(address, net.length), net.address);
}

/** `host:80`, `[::1]:80`, `::1`, `host`. */
function splitPort(entry: string): readonly [string, string] {
  const found = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d+))?$/.exec(entry);
  return found === null ? [entry, ""] : [found[1] ?? found[2] ?? "", found[3] ?? ""];
}
