/** Plain http to a hub: allowed on loopback, elsewhere only where it is meant. [CRE19] */
import { isLoopbackHost } from "../../shared/ip/loopback.ts";

/**
 * Whether what is sent to a URL goes over a network in the clear. A token that is heard on the way
 * is a cluster, and the admin's is the mesh.
 */
export function isHeardOnTheWay(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, hostname } = new URL(url);
  return protocol === "http:" && !isLoopbackHost(hostname);
}
