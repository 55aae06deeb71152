/** The hub. Read by `../rooms.js`. */

/** @type {Readonly<Record<string, readonly string[]>>} */
export const WORKER_ROOMS = {
  /** How the hub's objects call each other. */
  "worker/ports.ts": ["shared/visibility"],
  /** In which jurisdiction a mesh's objects are. */
  "worker/place.ts": ["shared/lib"],
  /** The objects as those who call see them. */
  "worker/stubs.ts": ["worker/ports.ts", "worker/place.ts"],
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
    "shared/webhooks",
    "worker/ports.ts",
    "worker/place.ts",
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
    "worker/place.ts",
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
    "shared/webhooks",
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
    "worker/ports.ts",
    "worker/place.ts",
    "worker/stubs.ts",
    "worker/mesh",
    "worker/auth",
    "worker/routes",
    "worker/origin/hub-process.ts",
    "worker/origin",
  ],
};
