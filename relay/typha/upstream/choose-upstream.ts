/** Typha as the options name it. */
import { listingTransport } from "../../kube/list-slices.ts";
import { dialTcp } from "./dial.ts";
import { fixedUpstream, ServiceUpstream } from "./upstream.ts";
import type { TyphaUpstream } from "./upstream.ts";

export interface UpstreamOptions {
  /** HOST:PORT. */
  readonly typhaUpstream?: string | undefined;
  /** NAMESPACE/NAME. */
  readonly typhaService?: string | undefined;
  readonly nodeName?: string | undefined;
  /** For lists of EndpointSlices. Absent: the pod's own account. */
  readonly kubeconfig?: string | undefined;
}

/** `null`: the options name none. */
export function chooseUpstream(
  { typhaUpstream, typhaService, nodeName = "", kubeconfig }: UpstreamOptions,
  dialOne = dialTcp,
): TyphaUpstream | null {
  if (typhaUpstream !== undefined) return fixedUpstream(typhaUpstream, dialOne);
  if (typhaService === undefined) return null;
  const [namespace = "", service = ""] = typhaService.split("/");
  const transport = listingTransport(kubeconfig);
  return new ServiceUpstream({ namespace, service, nodeName, transport }, dialOne);
}
