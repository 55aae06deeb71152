/**
 * Who can read what the port for Felix tells: the pods, addresses, labels and policies of this
 * cluster, and what it may see of others. [TYP26]
 */
import { isLoopbackHost } from "../../../shared/ip/loopback.ts";
import { splitHostPort } from "../../lib/host-port.ts";

/**
 * @returns What to say to the operator of a port without TLS; `null` when only this machine reaches
 *   it.
 */
export function warningOf(listen: string): string | null {
  const [host] = splitHostPort(listen);
  if (isLoopbackHost(host)) return null;
  return (
    `the port for Felix is open without TLS at ${listen}: whoever reaches it reads the pods, addresses, labels and policies of this cluster, and what it may see ` +
    "of others. As with Typha itself, either ask for certificates (--listen-ca-file, --listen-cert-file, --listen-key-file, --listen-client-cn), or let nobody but " +
    "the nodes reach it"
  );
}
