import type { Kind } from "./record.ts";

/**
 * An origin's changes are split into channels, each a log of its own. The numbers are on the wire:
 * append only.
 */
export const CHANNELS = ["identity", "pools", "routing", "services"] as const;
export type Channel = (typeof CHANNELS)[number];

/**
 * Channels that every reader has, and Felix waits for. `services` is for those whose grant names
 * it. [SVC1]
 */
export const FELIX_CHANNELS = ["identity", "pools", "routing"] as const satisfies Channel[];

const CHANNEL_OF: Record<Kind, Channel> = {
  WorkloadEndpoint: "identity",
  HostEndpoint: "identity",
  Profile: "identity",
  IPPool: "pools",
  Node: "routing",
  IPAMBlock: "routing",
  ClusterConfig: "routing",
  Service: "services",
  ServiceEndpoint: "services",
  ServiceChange: "services",
  ServiceExport: "services",
};

export function channelOf(kind: Kind): Channel {
  return CHANNEL_OF[kind];
}

/** One value a channel: a channel that is added does not compile until it has one. */
export function perChannel<T>(make: (channel: Channel) => T): Record<Channel, T> {
  return {
    identity: make("identity"),
    pools: make("pools"),
    routing: make("routing"),
    services: make("services"),
  };
}
