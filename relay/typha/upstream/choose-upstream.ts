/** Typha as the options name it. */
import type { RelayConfig } from "../../config/relay-config.ts";
import { KubeTransport } from "../../kube/transport.ts";
import { dialTcp } from "./dial.ts";
import { fixedUpstream, ServiceUpstream } from "./upstream.ts";
import type { TyphaUpstream } from "./upstream.ts";

const REQUEST_IDLE_MS = 10_000;
/** Nothing is watched. */
const WATCH_IDLE_MS = 0;

/** `null`: the options name none. */
export function chooseUpstream(
  config: Pick<RelayConfig, "typhaUpstream" | "typhaService" | "nodeName" | "kubeconfig">,
  dialOne = dialTcp,
): TyphaUpstream | null {
  const { typhaUpstream, typhaService, nodeName = "", kubeconfig } = config;
  if (typhaUpstream !== undefined) return fixedUpstream(typhaUpstream, dialOne);
  if (typhaService === undefined) return null;
  const [namespace = "", service = ""] = typhaService.split("/");
  const transport = listingTransport(kubeconfig);
  return new ServiceUpstream({ namespace, service, nodeName, transport }, dialOne);
}

/** For lists of EndpointSlices. @param kubeconfig Absent: the pod's own account. */
export function listingTransport(kubeconfig: string | undefined): KubeTransport {
  return new KubeTransport({
    ...(kubeconfig !== undefined && { kubeconfig }),
    requestIdleMs: REQUEST_IDLE_MS,
    watchIdleMs: WATCH_IDLE_MS,
  });
}
