/**
 * Where the cluster's other relays are: a list, or the endpoints of a Kubernetes service at the
 * port named `catwalk-peers`. [PEE6]
 */
import { networkInterfaces } from "node:os";

import type { RelayConfig } from "../config/relay-config.ts";
import { splitHostPort } from "../lib/host-port.ts";
import { isReady, portAddresses } from "../kube/endpoint-slices.ts";
import { listingTransport, listSlices } from "../kube/list-slices.ts";

export const PEERS_PORT_NAME = "catwalk-peers";

/**
 * All that is known of them, the ones to ask first in front. One that is not ready is asked last,
 * but asked: where Typha is away none is, and they have the views all the same.
 */
export function peerAddresses(slices: readonly unknown[], random: () => number): string[] {
  const of = (isWanted: typeof isReady): string[] =>
    portAddresses(slices, PEERS_PORT_NAME, "", random, isWanted);
  return [...of(isReady), ...of((endpoint) => !isReady(endpoint))];
}

/** Without this relay's own address. @param port Where it listens for the others. */
export function withoutSelf(
  addresses: readonly string[],
  port: number | null,
  ownHosts: ReadonlySet<string>,
): string[] {
  return addresses.filter((address) => {
    const [host, otherPort] = splitHostPort(address);
    return otherPort !== port || !ownHosts.has(host);
  });
}

/** Addresses of this machine, or pod. */
export function ownHosts(): ReadonlySet<string> {
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return new Set(["localhost", ...addresses.map(({ address }) => address)]);
}

/**
 * @returns `null` when the options name none.
 * @param port Where this relay listens for the others.
 */
export function peerFinder(
  config: Pick<RelayConfig, "peers" | "peersService" | "kubeconfig">,
  port: number | null,
): ((signal: AbortSignal) => Promise<readonly string[]>) | null {
  const { peers, peersService, kubeconfig } = config;
  const others = (all: readonly string[]): string[] => withoutSelf(all, port, ownHosts());
  if (peers !== undefined) return () => Promise.resolve(others(peers));
  if (peersService === undefined) return null;
  const [namespace = "", service = ""] = peersService.split("/");
  const transport = listingTransport(kubeconfig);
  return async (signal) => {
    const slices = await listSlices(namespace, service, transport, signal);
    return others(peerAddresses(slices, Math.random));
  };
}
