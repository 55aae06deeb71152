/**
 * The rooms of the house, lowest first: what each is for, and which rooms its files may import
 * besides their own. A line names rooms above it only, so no import runs back up. The longest name
 * that a path begins with is its room. `house/rooms` in `house.js` keeps it; a test says which
 * permissions nobody uses.
 */

/** @type {Readonly<Record<string, readonly string[]>>} */
export const ROOMS = {
  // What all sides know: neither Node nor Workers.
  /** Bytes, hashes, msgpack, names, clocks. */
  "shared/lib": [],
  /** Addresses and ranges. */
  "shared/ip": ["shared/lib"],
  /** What travels of a Calico object, and its one encoding. */
  "shared/record": ["shared/lib", "shared/ip"],
  /** Calico's selectors. */
  "shared/selector": ["shared/record"],
  /** A log's cursors, payloads and digests. */
  "shared/log": ["shared/lib", "shared/record"],
  /** Messages between relays and the hub. */
  "shared/protocol": ["shared/lib", "shared/record", "shared/log"],
  /** Routes between clusters: what they need, and what they are. */
  "shared/overlay": ["shared/lib", "shared/ip", "shared/record"],
  /** Who sees whom: facts, RCCs, scopes. */
  "shared/visibility": [
    "shared/lib",
    "shared/ip",
    "shared/record",
    "shared/selector",
    "shared/overlay",
  ],
  /** Which records an origin may have. */
  "shared/admission": ["shared/ip", "shared/record", "shared/visibility", "shared/overlay"],
  /** The admin API's operations, and what a relay answers over HTTP. */
  "shared/api": ["shared/lib", "shared/overlay", "shared/visibility"],

  // The hub.
  /** How the hub's objects call each other. */
  "worker/ports.ts": ["shared/visibility"],
  /** The same, as those who call see it. */
  "worker/stubs.ts": ["worker/ports.ts"],
  /** SQL in a Durable Object. */
  "worker/storage": [],
  /** The registry of one mesh. */
  "worker/mesh": [
    "shared/lib",
    "shared/ip",
    "shared/record",
    "shared/overlay",
    "shared/visibility",
    "shared/admission",
    "worker/ports.ts",
    "worker/stubs.ts",
    "worker/storage",
  ],
  /** Tokens, credentials, the hub's key. */
  "worker/auth": ["shared/lib", "shared/protocol", "shared/api", "worker/ports.ts", "worker/mesh"],
  /** The admin API and the relays' way in, over HTTP. */
  "worker/routes": [
    "shared/lib",
    "shared/overlay",
    "shared/protocol",
    "shared/visibility",
    "shared/api",
    "worker/ports.ts",
    "worker/mesh",
    "worker/auth",
  ],
  /** Who is at the other end of a socket. */
  "worker/origin/peer.ts": [],
  /** Timers, each with its owner's handler. */
  "worker/origin/timers.ts": ["shared/lib"],
  /** What one event, origin, member or process may cost. */
  "worker/origin/budgets": [
    "shared/lib",
    "shared/record",
    "shared/log",
    "shared/protocol",
    "worker/origin/peer.ts",
    "worker/origin/timers.ts",
  ],
  /** The one way of events into an Origin. */
  "worker/origin/event-door.ts": ["worker/origin/budgets"],
  /** An origin's logs: frames, blobs, digests, on disk. Knows no sockets. */
  "worker/origin/log": [
    "shared/lib",
    "shared/record",
    "shared/log",
    "shared/visibility",
    "shared/admission",
    "worker/storage",
    "worker/origin/budgets",
  ],
  /** What an Origin needs of the object around it. */
  "worker/origin/ports.ts": [
    "shared/lib",
    "shared/protocol",
    "shared/visibility",
    "worker/origin/peer.ts",
    "worker/origin/timers.ts",
    "worker/origin/budgets",
    "worker/origin/log",
  ],
  /** What the Mesh has told: who may read, whose a range is. */
  "worker/origin/access": [
    "shared/ip",
    "shared/record",
    "shared/protocol",
    "shared/overlay",
    "shared/visibility",
    "worker/ports.ts",
    "worker/origin/peer.ts",
    "worker/origin/timers.ts",
    "worker/origin/budgets",
    "worker/origin/ports.ts",
  ],
  /** Whether a cluster is in sync, over time. */
  "worker/origin/health": [
    "shared/visibility",
    "worker/origin/timers.ts",
    "worker/origin/ports.ts",
  ],
  /** What all Origins of one process share. */
  "worker/origin/hub-process.ts": ["worker/origin/budgets", "worker/origin/access"],
  /** The logs of what scopes show. */
  "worker/origin/scopes": [
    "shared/lib",
    "shared/ip",
    "shared/record",
    "shared/visibility",
    "worker/ports.ts",
    "worker/origin/timers.ts",
    "worker/origin/budgets",
    "worker/origin/log",
  ],
  /** From a cluster's relay into its logs. */
  "worker/origin/publisher": [
    "shared/lib",
    "shared/record",
    "shared/log",
    "shared/protocol",
    "shared/overlay",
    "shared/visibility",
    "shared/admission",
    "worker/storage",
    "worker/origin/peer.ts",
    "worker/origin/timers.ts",
    "worker/origin/budgets",
    "worker/origin/log",
    "worker/origin/ports.ts",
    "worker/origin/access",
    "worker/origin/scopes",
  ],
  /** From the logs to those who read. */
  "worker/origin/readers": [
    "shared/lib",
    "shared/record",
    "shared/log",
    "shared/protocol",
    "shared/visibility",
    "worker/storage",
    "worker/origin/peer.ts",
    "worker/origin/timers.ts",
    "worker/origin/budgets",
    "worker/origin/log",
    "worker/origin/ports.ts",
    "worker/origin/access",
    "worker/origin/scopes",
  ],
  /** The Origin, and the Durable Object around it. */
  "worker/origin": [
    "shared/lib",
    "shared/record",
    "shared/protocol",
    "shared/visibility",
    "shared/admission",
    "worker/ports.ts",
    "worker/stubs.ts",
    "worker/storage",
    "worker/origin/peer.ts",
    "worker/origin/timers.ts",
    "worker/origin/budgets",
    "worker/origin/hub-process.ts",
    "worker/origin/event-door.ts",
    "worker/origin/log",
    "worker/origin/ports.ts",
    "worker/origin/health",
    "worker/origin/access",
    "worker/origin/scopes",
    "worker/origin/publisher",
    "worker/origin/readers",
  ],
  /** The Worker: app and environment. */
  worker: [
    "worker/stubs.ts",
    "worker/mesh",
    "worker/auth",
    "worker/routes",
    "worker/origin/hub-process.ts",
    "worker/origin",
  ],

  // The relay.
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

  // The command line, and what it starts.
  /** The admin API and relays as commands see them. */
  "cli/admin": [
    "shared/lib",
    "shared/record",
    "shared/visibility",
    "shared/api",
    "relay/hub",
    "relay/source",
    "relay/policy",
  ],
  /** Starting a hub on this machine, backup and restore. */
  "cli/launch": ["shared/lib", "shared/ip", "relay/lib"],
  /** The demo of `catwalk up`. */
  "cli/demo": [
    "shared/lib",
    "shared/visibility",
    "shared/api",
    "relay/lib",
    "relay/kube",
    "relay/source",
    "relay/policy",
    "cli/admin",
    "cli/launch",
  ],
  /** Mock relays for load. */
  "cli/mock": [
    "shared/lib",
    "shared/record",
    "shared/log",
    "shared/protocol",
    "shared/visibility",
    "shared/api",
    "relay/lib",
    "relay/hub",
    "relay/publish",
    "cli/admin",
  ],
  /** What is installed in a cluster, by its API server. */
  "cli/cluster": ["shared/lib", "shared/api", "relay/kube", "cli/admin"],
  /** One command a file. */
  "cli/commands": [
    "shared/lib",
    "shared/record",
    "shared/selector",
    "shared/overlay",
    "shared/protocol",
    "shared/visibility",
    "shared/api",
    "relay/lib",
    "relay/tls",
    "relay/hub",
    "relay/config",
    "relay/felix",
    "relay/kube",
    "relay/typha/upstream",
    "relay/source",
    "relay/policy",
    "relay/view",
    "relay/typha/splice",
    "relay/services",
    "relay/resources",
    "relay",
    "relay/http",
    "cli/admin",
    "cli/launch",
    "cli/demo",
    "cli/mock",
    "cli/cluster",
  ],
  /** The program. */
  cli: ["shared/lib", "relay/lib", "cli/admin", "cli/commands"],
};
