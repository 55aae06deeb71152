/**
 * The check of callers that decide something through the relay's HTTP, whose port may be open to
 * the network: a program on this machine (or in this pod). A web page in a browser here is none:
 * its requests carry an `Origin`, or a host name that was pointed at loopback.
 */
import { isIP } from "node:net";

export function isLocalCaller(
  remoteAddress: string | undefined,
  headers: { readonly host?: string | undefined; readonly origin?: string | undefined },
): boolean {
  const address = (remoteAddress ?? "").replace(/^::ffff:/, "");
  if (!isLoopback(address) || headers.origin !== undefined) return false;
  const host = (headers.host ?? "").replace(/:\d+$/, "").replace(/^\[|\]$/g, "");
  return host === "localhost" || isIP(host) !== 0;
}

function isLoopback(address: string): boolean {
  return address === "::1" || (isIP(address) === 4 && address.startsWith("127."));
}
