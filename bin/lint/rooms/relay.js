/** The relay. Read by `../rooms.js`. */

/** @type {Readonly<Record<string, readonly string[]>>} */
export const RELAY_ROOMS = {
  /** Logs, files, addresses of listeners. */
  "relay/lib": ["shared/lib"],
  /** TLS with files that change. */
  "relay/tls": ["shared/lib"],
  /** Connections to the hub, the cluster's identity. */
  "relay/hub": ["shared/lib", "shared/ip", "shared/protocol", "relay/lib"],
  /** A relay's options. */
  "relay/config": ["shared/ip", "shared/visibility", "relay/lib", "relay/tls", "relay/hub"],
  /** Records as Felix takes them. */
  "relay/felix": ["shared/ip", "shared/record", "shared/overlay", "shared/visibility"],
  /** Talking to an API server. */
  "relay/kube": ["shared/lib", "shared/ip", "shared/visibility", "relay/lib"],
  /** Typha's protocol: gob, snappy, messages. */
  "relay/typha/wire": ["shared/lib"],
  /** Finding and dialling the cluster's Typha. */
  "relay/typha/upstream": [
    "shared/lib",
    "relay/lib",
    "relay/tls",
    "relay/kube",
    "relay/typha/wire",
  ],
  /** What a cluster has: from its API server, files or Typha. */
  "relay/source": [
    "shared/lib",
    "shared/ip",
    "shared/record",
    "relay/lib",
    "relay/hub",
    "relay/kube",
    "relay/typha/wire",
    "relay/typha/upstream",
  ],
  /** Which endpoints a policy's rules hold. */
  "relay/policy": [
    "shared/lib",
    "shared/ip",
    "shared/record",
    "shared/selector",
    "shared/visibility",
    "relay/felix",
    "relay/kube",
    "relay/source",
  ],
  /** What the hub permits, kept on disk. */
  "relay/access": ["shared/visibility", "relay/lib", "relay/hub"],
  /** The cluster's own records, to the hub. */
  "relay/publish": [
    "shared/lib",
    "shared/ip",
    "shared/record",
    "shared/overlay",
    "shared/log",
    "shared/protocol",
    "shared/visibility",
    "relay/lib",
    "relay/hub",
  ],
  /** Other clusters' records, from the hub. */
  "relay/view": [
    "shared/lib",
    "shared/ip",
    "shared/record",
    "shared/overlay",
    "shared/selector",
    "shared/log",
    "shared/protocol",
    "shared/visibility",
    "shared/admission",
    "relay/lib",
    "relay/hub",
  ],
  /** Who holds sockets to the hub for the cluster, and what the others follow of it. */
  "relay/feed": [
    "shared/lib",
    "shared/record",
    "shared/log",
    "shared/protocol",
    "shared/visibility",
    "relay/lib",
    "relay/hub",
    "relay/view",
  ],
  /** Packets between nodes of two clusters, to see whether they pass. */
  "relay/path": ["shared/lib", "shared/ip", "shared/overlay", "relay/lib", "relay/hub"],
  /** One cluster's source, and what of it holds. */
  "relay/own-cluster.ts": [
    "shared/record",
    "shared/visibility",
    "relay/lib",
    "relay/hub",
    "relay/kube",
    "relay/source",
    "relay/publish",
    "relay/view",
  ],
  /** Who is told of the remotes that the relay reads itself. */
  "relay/webhooks": [
    "shared/lib",
    "shared/ip",
    "shared/visibility",
    "shared/webhooks",
    "relay/lib",
    "relay/hub",
  ],
  /** Remotes that the relay reads itself, without a hub. */
  "relay/direct": [
    "shared/lib",
    "shared/ip",
    "shared/record",
    "shared/log",
    "shared/visibility",
    "shared/admission",
    "relay/lib",
    "relay/hub",
    "relay/kube",
    "relay/source",
    "relay/view",
    "relay/own-cluster.ts",
    "relay/webhooks",
  ],
  /** Federated Services: from records to EndpointSlices. */
  "relay/services": [
    "shared/lib",
    "shared/record",
    "shared/selector",
    "shared/api",
    "relay/lib",
    "relay/kube",
    "relay/source",
  ],
  /** RCCs and grants as custom resources: to the hub, and their status back. */
  "relay/resources": [
    "shared/lib",
    "shared/visibility",
    "shared/api",
    "relay/lib",
    "relay/kube",
    "relay/source",
    "relay/direct",
  ],
  /** Views from the cluster's other relays. */
  "relay/peers": [
    "shared/lib",
    "shared/visibility",
    "relay/lib",
    "relay/tls",
    "relay/hub",
    "relay/config",
    "relay/kube",
    "relay/view",
    "relay/feed",
  ],
  /** The port for Felix: Typha's stream with other clusters' records in it. */
  "relay/typha/splice": [
    "shared/lib",
    "shared/ip",
    "shared/record",
    "shared/visibility",
    "relay/lib",
    "relay/tls",
    "relay/felix",
    "relay/typha/wire",
    "relay/typha/upstream",
    "relay/view",
  ],
  /** One relay, put together; what it says of itself. */
  relay: [
    "shared/record",
    "shared/admission",
    "shared/overlay",
    "shared/api",
    "shared/protocol",
    "shared/visibility",
    "relay/lib",
    "relay/hub",
    "relay/config",
    "relay/source",
    "relay/access",
    "relay/publish",
    "relay/view",
    "relay/feed",
    "relay/own-cluster.ts",
    "relay/direct",
    "relay/path",
    "relay/kube",
    "relay/services",
    "relay/resources",
    "relay/peers",
  ],
  /** Health, status, metrics and views over HTTP. */
  "relay/http": [
    "shared/ip",
    "shared/lib",
    "shared/record",
    "shared/visibility",
    "relay/lib",
    "relay/publish",
    "relay/view",
    "relay",
  ],
};
