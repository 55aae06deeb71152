/**
 * One list of a service's EndpointSlices, for those who dial what is behind the service. [TYP30]
 * [PEE6]
 */
import { KubeTransport } from "./transport.ts";
import type { Transport } from "./transport.ts";
import { parseListPage } from "./watch-event.ts";

const REQUEST_IDLE_MS = 10_000;
/** Nothing is watched. */
const WATCH_IDLE_MS = 0;

/** A transport for lists only. @param kubeconfig Absent: the pod's own account. */
export function listingTransport(kubeconfig: string | undefined): KubeTransport {
  return new KubeTransport({
    ...(kubeconfig !== undefined && { kubeconfig }),
    requestIdleMs: REQUEST_IDLE_MS,
    watchIdleMs: WATCH_IDLE_MS,
  });
}

/** The EndpointSlices of a service. @throws Error with the request and what came of it. */
export async function listSlices(
  namespace: string,
  service: string,
  transport: Pick<Transport, "get">,
  signal: AbortSignal,
): Promise<readonly unknown[]> {
  const query = new URLSearchParams({ labelSelector: `kubernetes.io/service-name=${service}` });
  const path = `/apis/discovery.k8s.io/v1/namespaces/${encodeURIComponent(namespace)}/endpointslices`;
  const { status, body } = await transport.get(`${path}?${query.toString()}`, signal);
  if (status !== 200) throw new Error(`GET ${path}: ${status}`);
  const page = parseListPage(body);
  if (!page.ok) throw new Error(`GET ${path}: ${page.message}`);
  return page.items;
}
